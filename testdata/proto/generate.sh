#!/bin/sh
# Makes the committed protobuf code anew with pinned generators. Run from the
# top of the repository, by `make generate`. Needs npm and Go.
set -eu
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
export GOBIN="$tools" CGO_ENABLED=0
go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
go install connectrpc.com/connect/v2/cmd/protoc-gen-connect-go@v2.0.2
npm install --silent --no-fund --no-audit --prefix "$tools" @bufbuild/buf@1.75.0
PATH="$tools:$tools/node_modules/.bin:$PATH"
buf generate host/api --template testdata/proto/api.gen.yaml
buf generate sdk/proto --template testdata/proto/plugin.gen.yaml
