package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

// client calls entrypoints as the host would, with one data directory.
type client struct {
	t     *testing.T
	dir   string
	skill sdk.Skill
}

func newClient(t *testing.T) *client {
	m := new(memory)
	t.Cleanup(func() {
		if m.db != nil {
			m.db.Close()
		}
	})
	return &client{t: t, dir: t.TempDir(), skill: sdk.Skill{
		"put": sdk.Handle(m.put), "search": sdk.Handle(m.search), "list": sdk.Handle(m.list), "status": sdk.Handle(m.status),
		"maintain": sdk.Handle(m.maintain), "backfill": sdk.Handle(m.backfill), "vacuum": sdk.Handle(m.vacuum),
	}}
}

func (c *client) try(entrypoint string, in any) (sdk.Result, error) {
	input, err := json.Marshal(in)
	if err != nil {
		c.t.Fatal(err)
	}
	req := sdk.Request{Entrypoint: entrypoint, Input: input, Data: c.dir}
	return c.skill[entrypoint](sdk.NewContext(c.t.Context(), sdk.HostFrom(context.Background()), req), req)
}

func call[Out any](c *client, entrypoint string, in any) (out Out) {
	c.t.Helper()
	result, err := c.try(entrypoint, in)
	if err != nil {
		c.t.Fatalf("%s: %v", entrypoint, err)
	}
	if err := json.Unmarshal(result.Output, &out); err != nil {
		c.t.Fatalf("%s: %v", entrypoint, err)
	}
	return out
}

func (c *client) put(n int, ttl string) []string {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{Text: fmt.Sprintf("note %d about the harbour", i), TTL: ttl}
	}
	return call[putOut](c, "put", putIn{Nodes: nodes}).IDs
}

// provider that embeds any text, and remembers the size of its batches.
func embeddings(t *testing.T, status func(call int) int) (endpoint string, batches *[]int) {
	var mu sync.Mutex
	batches = new([]int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || r.URL.Path != "/v1/embeddings" {
			http.Error(w, "bad", http.StatusTeapot)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		*batches = append(*batches, len(req.Input))
		if s := status(len(*batches)); s != http.StatusOK {
			http.Error(w, "no", s)
			return
		}
		type item struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		data := make([]item, len(req.Input))
		for i := range data { // in reverse: the index counts, not the order
			data[i] = item{len(data) - 1 - i, []float32{1, float32(i)}}
		}
		json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1/", batches
}

func always(status int) func(int) int { return func(int) int { return status } }

func TestBackfillInBatchesOf64(t *testing.T) {
	c := newClient(t)
	c.put(200, "")
	endpoint, batches := embeddings(t, always(http.StatusOK))
	out := call[backfillOut](c, "backfill", backfillIn{Endpoint: endpoint, Model: "test-1"})
	if want := []int{64, 64, 64, 8}; !slices.Equal(*batches, want) || !slices.Equal(out.Batches, want) {
		t.Errorf("the provider saw %v, the run reports %v; want %v", *batches, out.Batches, want)
	}
	if out.Embedded != 200 || out.After.Coverage != 1 || out.After.Pending != 0 {
		t.Errorf("outcome %+v; want 200 embedded and full coverage", out)
	}
	again := call[backfillOut](c, "backfill", backfillIn{Endpoint: endpoint, Model: "test-1"})
	if len(again.Batches) != 0 {
		t.Errorf("nothing was missing, yet batches %v were sent", again.Batches)
	}
	other := call[backfillOut](c, "backfill", backfillIn{})
	if other.Embedded != 200 || other.Model != lexicalModel {
		t.Errorf("a new model: %+v; want 200 embedded anew", other)
	}
}

func TestBackfillProviderDown(t *testing.T) {
	c := newClient(t)
	c.put(100, "")
	endpoint, _ := embeddings(t, func(call int) int {
		if call == 2 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	in := backfillIn{Endpoint: endpoint, Model: "test-1"}
	_, err := c.try("backfill", in)
	if e, ok := errors.AsType[*sdk.Error](err); !ok || !e.Retryable {
		t.Fatalf("backfill = %v; want a retryable error", err)
	}
	if st := call[Status](c, "status", empty{}); st.Embedded != 64 || st.Pending != 36 || st.Failed != 0 {
		t.Errorf("after the failure: %+v; want the first batch stored and the rest pending", st)
	}
	if out := call[backfillOut](c, "backfill", in); out.Embedded != 36 || out.After.Coverage != 1 {
		t.Errorf("the next run: %+v; want the other 36 embedded", out)
	}
}

func TestBackfillRefusedTexts(t *testing.T) {
	c := newClient(t)
	c.put(10, "")
	endpoint, batches := embeddings(t, always(http.StatusBadRequest))
	out := call[backfillOut](c, "backfill", backfillIn{Endpoint: endpoint, Model: "test-1"})
	if out.Failed != 10 || out.After.Failed != 10 || out.After.Embedded != 0 {
		t.Errorf("outcome %+v; want 10 failed, none embedded", out)
	}
	call[backfillOut](c, "backfill", backfillIn{Endpoint: endpoint, Model: "test-1"})
	if len(*batches) != 1 {
		t.Errorf("refused nodes were sent again at once: %v", *batches)
	}
}

func TestDecodeAnswer(t *testing.T) {
	for _, bad := range []string{
		`{`, `{}`, `{"data":[]}`,
		`{"data":[{"index":0,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":-1,"embedding":[1]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[0]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}]}`,
		`{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":["x"]}]}`,
	} {
		if _, err := decodeAnswer([]byte(bad), 2); err == nil {
			t.Errorf("decodeAnswer(%s) was accepted", bad)
		}
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t)
		c.put(1000, "10s")
		c.put(20, "")
		time.Sleep(5 * time.Second)
		if out := call[maintainOut](c, "maintain", maintainIn{}); out.Expired != 0 || out.After.Entries != 1020 {
			t.Errorf("before their time: %+v", out)
		}
		time.Sleep(6 * time.Second)
		if nodes := call[listOut](c, "list", listIn{Limit: 1000}).Nodes; len(nodes) != 20 {
			t.Errorf("expired nodes are listed: %d nodes", len(nodes))
		}
		out := call[maintainOut](c, "maintain", maintainIn{TTLDays: 7})
		if out.Expired != 1000 || out.After.Entries != 20 || out.After.Free != 0 {
			t.Errorf("after their time: %+v; want 1000 expired, 20 kept, no free page", out)
		}
		time.Sleep(8 * 24 * time.Hour)
		if out := call[maintainOut](c, "maintain", maintainIn{TTLDays: 7}); out.Expired != 20 {
			t.Errorf("after ttl_days: %+v; want the other 20 expired", out)
		}
	})
}

func TestEviction(t *testing.T) {
	c := newClient(t)
	call[putOut](c, "put", putIn{Nodes: []Node{{Text: "a lighthouse worth keeping"}}})
	c.put(1000, "")
	c.put(500, "")
	call[searchOut](c, "search", searchIn{Query: "lighthouse"})
	if out := call[maintainOut](c, "maintain", maintainIn{MaxEntries: 100}); out.Evicted != 1401 || out.After.Entries != 100 {
		t.Errorf("max_entries: %d evicted, %d kept; want 1401 and 100", out.Evicted, out.After.Entries)
	}
	half := call[Status](c, "status", empty{}).Bytes / 2
	if out := call[maintainOut](c, "maintain", maintainIn{MaxBytes: half}); out.After.Bytes > half || out.After.Bytes < half-100 {
		t.Errorf("max_bytes %d: %d bytes kept", half, out.After.Bytes)
	}
	if found := call[searchOut](c, "search", searchIn{Query: "lighthouse"}).Nodes; len(found) != 1 {
		t.Errorf("the node that was read is gone: the least valuable go first")
	}
}

func TestSearch(t *testing.T) {
	c := newClient(t)
	call[putOut](c, "put", putIn{Nodes: []Node{
		{Text: "The harbour closes at dusk", Tags: []string{"port"}},
		{Text: "Příliš žluťoučký kůň"},
		{Text: "harbour harbour harbour"},
	}})
	for _, s := range []struct {
		query string
		want  int
	}{
		{"harbour", 2}, {"HARBOUR dusk", 2}, {"kun", 1}, {"kůň", 1}, {"nothing", 0}, {`"; DROP TABLE nodes --`, 0}, {"dusk OR NOT (", 1},
	} {
		out := call[searchOut](c, "search", searchIn{Query: s.query})
		if len(out.Nodes) != s.want {
			t.Errorf("search %q found %d nodes, want %d", s.query, len(out.Nodes), s.want)
		}
		if out.Match == "" || out.Model != lexicalModel {
			t.Errorf("search %q does not say how it matched: %+v", s.query, out)
		}
	}
	if tagged := call[listOut](c, "list", listIn{Tag: "port"}).Nodes; len(tagged) != 1 || tagged[0].Tags[0] != "port" {
		t.Errorf("list by tag: %+v", tagged)
	}
}

func TestVacuum(t *testing.T) {
	c := newClient(t)
	c.put(1000, "")
	call[maintainOut](c, "maintain", maintainIn{MaxEntries: 1})
	if out := call[vacuumOut](c, "vacuum", empty{}); out.After > out.Before || out.After == 0 {
		t.Errorf("vacuum: %+v", out)
	}
	if found := call[searchOut](c, "search", searchIn{Query: "harbour"}).Nodes; len(found) != 1 {
		t.Errorf("after the vacuum %d nodes are found, want 1", len(found))
	}
}

func TestRefusals(t *testing.T) {
	c := newClient(t)
	many := make([]Node, maxNodes+1)
	for i := range many {
		many[i].Text = "x"
	}
	for _, r := range []struct {
		entrypoint string
		in         any
		code       string
	}{
		{"put", putIn{}, "bad_input"},
		{"put", putIn{Nodes: many}, "bad_input"},
		{"put", putIn{Nodes: []Node{{Text: " "}}}, "bad_node"},
		{"put", putIn{Nodes: []Node{{Text: "ok"}, {Text: strings.Repeat("x", maxText+1)}}}, "bad_node"},
		{"put", putIn{Nodes: []Node{{Text: "x", TTL: "soon"}}}, "bad_node"},
		{"put", putIn{Nodes: []Node{{Text: "x", TTL: "-1s"}}}, "bad_node"},
		{"put", map[string]any{"node": 1}, "bad_input"},
		{"search", searchIn{Query: " -- "}, "bad_query"},
	} {
		_, err := c.try(r.entrypoint, r.in)
		if e, ok := errors.AsType[*sdk.Error](err); !ok || e.Code != r.code {
			t.Errorf("%s(%.60v) = %v; want code %s", r.entrypoint, r.in, err, r.code)
		}
	}
	if st := call[Status](c, "status", empty{}); st.Entries != 0 {
		t.Errorf("a refused put left %d nodes", st.Entries)
	}
	c.dir = ""
	c.skill = newClient(t).skill
	if _, err := c.try("status", empty{}); sdk.AsError(err).Code != "no_data_directory" {
		t.Errorf("without a data directory: %v", err)
	}
}

func TestLexicalIsDeterministic(t *testing.T) {
	a, b := hashVector("The harbour closes at dusk, at dusk"), hashVector("The harbour closes at dusk, at dusk")
	if !slices.Equal(a, b) {
		t.Error("the same text gave two vectors")
	}
	if !usable(a) || slices.Equal(a, hashVector("something else")) {
		t.Error("the vector says nothing of the text")
	}
}
