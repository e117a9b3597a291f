package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

// putBatch is how many nodes the memory skill takes at once.
const putBatch = 1000

// node is a piece of text, as the memory skill takes and gives it.
type node struct {
	ID      string    `json:"id,omitempty"`
	Text    string    `json:"text"`
	Source  string    `json:"source,omitempty"`
	Tags    []string  `json:"tags,omitempty"`
	TTL     string    `json:"ttl,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	State   string    `json:"state,omitempty"`
	Score   float64   `json:"score,omitempty"`
}

func (a *app) memoryCommand() *cobra.Command {
	memory := noun("memory", "Memory: text that skills and people find again")
	memory.AddCommand(a.memoryPut(), a.memorySearch(), a.memoryList(), a.memoryStatus())
	return memory
}

func (a *app) memoryPut() *cobra.Command {
	var ttl time.Duration
	var tags []string
	var source string
	var lines bool
	c := a.command("put [TEXT|-]", "Store a text, or what standard input says", cobra.ArbitraryArgs, func(ctx context.Context, c *api.Client, args []string) error {
		if ttl < 0 {
			return fail(exitUsage, "", "--ttl %v: want a positive duration, for example 90s or 24h", ttl)
		}
		texts, err := a.texts(args, lines)
		if err != nil {
			return err
		}
		nodes := make([]node, 0, len(texts))
		for _, text := range texts {
			n := node{Text: text, Source: source, Tags: tags}
			if ttl > 0 {
				n.TTL = ttl.String()
			}
			nodes = append(nodes, n)
		}
		ids := []string{}
		for len(nodes) > 0 {
			batch := nodes[:min(putBatch, len(nodes))]
			nodes = nodes[len(batch):]
			var stored struct{ IDs []string }
			if _, err := ask(ctx, c.Memory.Put, map[string]any{"nodes": batch}, &stored); err != nil {
				return err
			}
			ids = append(ids, stored.IDs...)
		}
		if a.output == "table" {
			for _, id := range ids {
				fmt.Fprintln(a.out, clean(id))
			}
			return nil
		}
		raw, err := json.Marshal(map[string]any{"ids": ids})
		if err != nil {
			return err
		}
		return a.printJSON(raw)
	})
	c.Flags().DurationVar(&ttl, "ttl", 0, "forget it after this (default: as configured)")
	c.Flags().StringArrayVar(&tags, "tag", nil, "tag; may be repeated")
	c.Flags().StringVar(&source, "source", "", "where it comes from")
	c.Flags().BoolVar(&lines, "lines", false, "each line of standard input is a text of its own")
	return c
}

// texts is what is to be stored.
func (a *app) texts(args []string, lines bool) ([]string, error) {
	if len(args) > 0 && (len(args) > 1 || args[0] != "-") {
		return []string{strings.Join(args, " ")}, nil
	}
	if len(args) == 0 && terminal(a.in) {
		return nil, fail(exitUsage, "", "what is to be stored? give a text, or - for standard input")
	}
	data, err := io.ReadAll(a.in)
	if err != nil {
		return nil, err
	}
	var texts []string
	if lines {
		scan := bufio.NewScanner(bytes.NewReader(data))
		scan.Buffer(nil, len(data)+1)
		for scan.Scan() {
			if strings.TrimSpace(scan.Text()) != "" {
				texts = append(texts, scan.Text())
			}
		}
	} else if text := strings.TrimSpace(string(data)); text != "" {
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, fail(exitData, "", "standard input is empty: nothing to store")
	}
	return texts, nil
}

// ask passes a JSON request to the memory skill and reads the answer.
func ask(ctx context.Context, call func(context.Context, *api.MemoryRequest) (*api.MemoryResponse, error), in, out any) (json.RawMessage, error) {
	input, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	answer, err := call(ctx, &api.MemoryRequest{Input: string(input)})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(answer.GetOutput()), out); err != nil {
		return nil, fmt.Errorf("the memory skill answered something else: %v", err)
	}
	return json.RawMessage(answer.GetOutput()), nil
}

func (a *app) memorySearch() *cobra.Command {
	var limit int
	c := a.command("search QUERY", "Find texts", cobra.MinimumNArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		var found struct {
			Match, Model string
			Coverage     float64
			Nodes        []node
		}
		raw, err := ask(ctx, c.Memory.Search, map[string]any{"query": strings.Join(args, " "), "limit": limit}, &found)
		if err != nil {
			return err
		}
		if a.output != "table" {
			return a.printJSON(raw)
		}
		a.nodeTable(found.Nodes)
		fmt.Fprintf(a.err, "match: %s; model %s, coverage %.0f%%\n", clean(found.Match), clean(found.Model), 100*found.Coverage)
		return nil
	})
	c.Flags().IntVarP(&limit, "limit", "n", 20, "how many")
	return c
}

func (a *app) memoryList() *cobra.Command {
	var limit int
	var tag string
	c := a.command("list", "List texts, newest first", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		var found struct{ Nodes json.RawMessage }
		if _, err := ask(ctx, c.Memory.List, map[string]any{"limit": limit, "tag": tag}, &found); err != nil {
			return err
		}
		var nodes []node
		if err := json.Unmarshal(found.Nodes, &nodes); err != nil {
			return fmt.Errorf("the memory skill answered something else: %v", err)
		}
		switch {
		case a.output == "table":
			a.nodeTable(nodes)
		case a.output == "jsonl":
			for _, n := range nodes {
				raw, err := json.Marshal(n)
				if err != nil {
					return err
				}
				if err := a.printJSON(raw); err != nil {
					return err
				}
			}
		case len(nodes) == 0:
			return a.printJSON(json.RawMessage("[]"))
		default:
			return a.printJSON(found.Nodes)
		}
		return nil
	})
	c.Aliases = []string{"ls"}
	c.Flags().IntVarP(&limit, "limit", "n", 20, "how many")
	c.Flags().StringVar(&tag, "tag", "", "only with this tag")
	return c
}

func (a *app) nodeTable(nodes []node) {
	rows := make([][]string, 0, len(nodes))
	for _, n := range nodes {
		expires := "never"
		if !n.Expires.IsZero() {
			expires = relative(n.Expires.Sub(a.now()))
		}
		rows = append(rows, []string{
			n.ID, relative(n.Created.Sub(a.now())), expires, n.State, strings.Join(n.Tags, ","), brief(n.Text, 60),
		})
	}
	table(a.out, []string{"ID", "CREATED", "EXPIRES", "EMBEDDING", "TAGS", "TEXT"}, rows)
}

func (a *app) memoryStatus() *cobra.Command {
	return a.command("status", "Tell how the memory is", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		var status struct {
			Entries, Bytes, Pending, Embedded, Failed, File, Free int64
			Model                                                 string
			Coverage                                              float64
		}
		raw, err := ask(ctx, c.Memory.Status, struct{}{}, &status)
		if err != nil {
			return err
		}
		if a.output != "table" {
			return a.printJSON(raw)
		}
		facts(a.out,
			"Entries", fmt.Sprintf("%d, %d bytes", status.Entries, status.Bytes),
			"Embedded", fmt.Sprintf("%d of them by %s (%.0f%%); %d pending, %d failed",
				status.Embedded, status.Model, 100*status.Coverage, status.Pending, status.Failed),
			"File", fmt.Sprintf("%d bytes, %d of them free", status.File, status.Free))
		return nil
	})
}
