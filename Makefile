# palyrad. `make help` lists the targets.
export CGO_ENABLED = 0

GO_NEEDED := 1.26
SKILLS    := hello health
PLUGINS   := shell memory reaudit notify
PLATFORM  := $(shell go env GOOS 2>/dev/null)-$(shell go env GOARCH 2>/dev/null)
GOBUILD   := go build -trimpath -ldflags='-s -w'
STAGE     := bin/stage

.PHONY: help demo build skills test race lint sim crash fuzz bench oracle generate clean go

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## build all, start a daemon with the demo jobs (DEMO_FOR=30s stops by itself)
	@bin/palyra demo $(if $(DEMO_FOR),--for $(DEMO_FOR))

build: go skills ## build bin/palyrad, bin/palyra and bin/skills/*.palyra-skill

go:
	@command -v go >/dev/null || { echo "palyra needs Go $(GO_NEEDED) or newer: https://go.dev/dl/" >&2; exit 1; }
	@v=$$(go env GOVERSION); printf '%s\n%s\n' go$(GO_NEEDED) $$v | sort -CV || \
	  { echo "palyra needs Go $(GO_NEEDED) or newer, this is $$v: https://go.dev/dl/" >&2; exit 1; }

bin/palyrad bin/palyra: bin/%: go FORCE
	@echo "build $@"
	@$(GOBUILD) -o $@ ./cmd/$*

skills: $(SKILLS:%=skill-%) $(PLUGINS:%=plugin-%) ## build and pack the first-party skills
	@rm -rf $(STAGE)

# A skill is staged as the directory that `palyra skill pack` takes, then packed;
# packing leaves an artifact alone whose contents did not change.
skill-%: bin/palyrad bin/palyra
	@echo "build bin/skills/palyra.$*.palyra-skill (WASM)"
	@mkdir -p $(STAGE)/$*/modules bin/skills
	@GOOS=wasip1 GOARCH=wasm $(GOBUILD) -o $(STAGE)/$*/modules/$*.wasm ./skills/$*
	@cp skills/$*/skill.toml $(STAGE)/$*/
	@bin/palyra skill pack $(STAGE)/$* -o bin/skills/palyra.$*.palyra-skill >/dev/null

plugin-%: bin/palyrad bin/palyra
	@echo "build bin/skills/palyra.$*.palyra-skill (native, $(PLATFORM))"
	@mkdir -p $(STAGE)/$*/bin/$(PLATFORM) bin/skills
	@$(GOBUILD) -o $(STAGE)/$*/bin/$(PLATFORM)/$* ./plugins/$*
	@cp plugins/$*/skill.toml $(STAGE)/$*/
	@bin/palyra skill pack $(STAGE)/$* -o bin/skills/palyra.$*.palyra-skill >/dev/null

test: go ## run every test; the last line counts them
	@go run ./testdata/testsum ./...

race: go ## run the tests of the concurrent rooms under the race detector (needs a C compiler)
	@CGO_ENABLED=1 go run ./testdata/testsum -race -short ./host/... ./sdk/... ./plugins/...

lint: go ## vet, gofumpt and the linters of .golangci.yml
	@go vet ./...
	@go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

sim: go ## simulate the daemon's heart with many seeds (SEEDS=1-300, or 7 to see one again)
	@go test -c -o bin/sim.test ./host/internal/sim
	@n=$$(nproc) && seq 0 $$((n - 1)) | GOGC=800 PALYRA_SIM_SEEDS=$(or $(SEEDS),1-300) xargs -P $$n -I {} \
	  env PALYRA_SIM_SHARD={}/$$n bin/sim.test -test.run TestDays -test.timeout 24h

fuzz: go ## fuzz every parser for a while (FUZZTIME=30s each)
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(or $(FUZZTIME),30s) $$pkg || exit 1; \
	  done; \
	done

crash: go ## kill the daemon, cut its power, let it work (CYCLES=100 CUTS=50 SOAK=1m)
	@PALYRA_CRASH_CYCLES=$(or $(CYCLES),100) PALYRA_POWER_CYCLES=$(or $(CUTS),50) PALYRA_SOAK=$(or $(SOAK),1m) \
	  go test -count=1 -v -timeout 24h ./host/internal/crash

bench: go ## run the benchmarks, and those that others can run too beside them (minutes)
	@go test -run '^$$' -bench . -benchmem ./...
	@cd testdata/peers && go run .

oracle: go ## play every cron case around every change of forty zones (minutes)
	@PALYRA_ORACLE=full go test -count=1 -timeout 60m -run 'Oracle|Transition' ./host/schedule

generate: ## make the protobuf code anew (needs npm; see CONTRIBUTING.md)
	@sh testdata/proto/generate.sh

clean: ## remove what was built; the demo's state in .palyra stays
	@rm -rf bin

FORCE:
