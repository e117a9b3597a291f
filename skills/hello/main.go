// Command hello greets; it builds as a native plugin and as a WASM guest.
package main

import (
	"context"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

func main() { pluginmain.Serve(sdk.Skill{"greet": sdk.Handle(greet)}) }

func greet(_ context.Context, in struct{ Name string }) (string, error) {
	return "Hello, " + in.Name + "!", nil
}
