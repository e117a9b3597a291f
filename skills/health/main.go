// Command health is the skill palyra.health: it asks the host how it is and says
// so in a line of plain language.
package main

import (
	"context"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

func main() { pluginmain.Serve(sdk.Skill{"summarize": sdk.Handle(summarize)}) }

func summarize(ctx context.Context, _ struct{}) (Health, error) {
	status, err := sdk.GetStatus(ctx)
	if err != nil {
		return Health{}, err
	}
	return Judge(status), nil
}
