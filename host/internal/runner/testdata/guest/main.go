// Guest is the conformance skill as a program.
package main

import (
	"github.com/palyra-go/palyra/host/internal/runner/testdata/conform"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

func main() { pluginmain.Serve(conform.Skill()) }
