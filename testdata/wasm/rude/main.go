// Command rude is a guest that misbehaves as its entrypoint says. What polite
// lists goes through the SDK, the others write by hand.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

func main() {
	if act, ok := acts[os.Args[1]]; ok {
		act()
		return
	}
	pluginmain.Serve(polite)
}

var acts = map[string]func(){
	"silent":       func() {},
	"exit":         func() { fmt.Fprintln(os.Stderr, "about to exit"); os.Exit(3) },
	"babble":       func() { fmt.Println("hello there") },
	"two":          func() { fmt.Println(`{"log":"a","result":{}}`) },
	"twice":        func() { fmt.Println(`{"log":"a"}{"log":"b"}`) },
	"misspelt":     func() { fmt.Println(`{"result":{"sumary":"x"}}`) },
	"long":         func() { fmt.Print(`{"log":"`); flood(os.Stdout, 2<<20) },
	"noise":        func() { flood(os.Stderr, 1<<20); fmt.Println(`{"result":{"summary":"done"}}`) },
	"chatter":      chatter,
	"binary":       func() { fmt.Fprint(os.Stderr, "\xff\xfe one\ntwo"); fmt.Print(`{"result":{}}`) },
	"unterminated": func() { fmt.Print(`{"result":{"summary":"no line feed"}}`) },
	"afterwards":   func() { fmt.Println(`{"result":{"summary":"first"}}`); fmt.Println("garbage"); spin() },
	"sleep":        func() { fmt.Println(`{"log":"asleep"}`); time.Sleep(time.Hour) },
	"spin":         func() { fmt.Println(`{"log":"spinning"}`); spin() },
	"calls":        calls,
	"unread":       unread,
	"beyond":       beyond,
	"look":         look,
	"bomb":         bomb,
}

func flood(to *os.File, n int) {
	block := strings.Repeat("x", 1<<16)
	for range n / len(block) {
		fmt.Fprint(to, block)
	}
}

func chatter() {
	for range 100_000 {
		fmt.Println(`{"log":""}`)
	}
	fmt.Println(`{"result":{"summary":"done"}}`)
}

func spin() {
	for {
	}
}

func calls() {
	in := bufio.NewReader(os.Stdin)
	for i := range 1002 {
		_, _ = in.ReadString('\n')
		fmt.Printf(`{"call":"echo","id":%d,"params":%d}`+"\n", i, i)
	}
}

// unread calls without end and reads no answer.
func unread() {
	params := strings.Repeat("x", 1<<19)
	for {
		fmt.Printf(`{"call":"echo","params":%q}`+"\n", params)
	}
}

// beyond reads more than it was sent.
func beyond() {
	in := bufio.NewScanner(os.Stdin)
	lines := 0
	for in.Scan() {
		lines++
	}
	fmt.Printf(`{"result":{"output":%d}}`+"\n", lines)
}

// look says what it sees of the machine.
func look() {
	_, root := os.ReadDir("/")
	_, file := os.ReadFile("/etc/hostname")
	output, _ := json.Marshal(map[string]any{"env": len(os.Environ()), "args": os.Args, "root": root == nil, "file": file == nil})
	fmt.Printf(`{"result":{"output":%s}}`+"\n", output)
}

func bomb() {
	var hoard [][]byte
	for {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = 1
		}
		hoard = append(hoard, block)
		fmt.Fprintln(os.Stderr, len(hoard), "MiB")
	}
}

var polite = sdk.Skill{
	"echo": func(_ context.Context, req sdk.Request) (sdk.Result, error) {
		return sdk.Result{Output: req.Input, Summary: req.Run}, nil
	},
	"talk": func(ctx context.Context, req sdk.Request) (sdk.Result, error) {
		sdk.Log(ctx, "one <%d>", 1)
		sdk.Progress(ctx, 1, 2, "half")
		answer, err := sdk.HostFrom(ctx).Call(ctx, "echo", req.Input)
		return sdk.Result{Output: answer}, err
	},
	"fail": func(context.Context, sdk.Request) (sdk.Result, error) { return sdk.Result{}, errors.New("no luck") },
	"retry": func(context.Context, sdk.Request) (sdk.Result, error) {
		return sdk.Result{}, &sdk.Error{Code: "busy", Message: "later", Retryable: true}
	},
	"panic": func(context.Context, sdk.Request) (sdk.Result, error) { panic("boom") },
	"deadline": func(ctx context.Context, _ sdk.Request) (sdk.Result, error) {
		<-ctx.Done()
		return sdk.Result{}, ctx.Err()
	},
	"large": func(context.Context, sdk.Request) (sdk.Result, error) {
		return sdk.Result{Summary: strings.Repeat("x", 1<<20)}, nil
	},
}
