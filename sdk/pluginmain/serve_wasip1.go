package pluginmain

import (
	"context"
	"fmt"
	"os"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/stdio"
)

// Serve serves one run of one action of skill over the guest ABI (package
// stdio) and returns when it has answered; it exits with 1 when the host cannot
// be spoken with. It is called once, by main.
func Serve(skill sdk.Skill) {
	action := func(ctx context.Context, req sdk.Request) (sdk.Result, error) { return invoke(ctx, skill, req) }
	if err := stdio.Serve(context.Background(), os.Stdin, os.Stdout, action); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}
