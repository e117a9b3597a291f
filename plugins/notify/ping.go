package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/palyra-go/palyra/sdk"
)

type pingIn struct {
	URL    string `json:"url"`
	Signal string `json:"signal"`
}

// ping serves the entrypoint ping.
func (n *notifier) ping(ctx context.Context, in pingIn) (told, error) {
	target, err := parseURL(in.URL)
	if err != nil {
		return told{}, err
	}
	u := sdk.RequestFrom(ctx).Upstream
	suffix, err := suffixOf(in.Signal, u)
	if err != nil {
		return told{}, err
	}
	signal := suffix
	if suffix == "" {
		signal = "success"
	} else {
		target = target.JoinPath(suffix)
	}
	m := message{method: http.MethodGet, target: target, header: http.Header{}}
	if u != nil {
		m.method, m.body = http.MethodPost, []byte(line(u)+"\n")
		m.header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	answer, err := n.send(ctx, m)
	return told{"", signal, answer.status, answer.tries, target.Hostname()}, err
}

// suffixOf is what goes behind the URL of a monitor.
func suffixOf(signal string, u *sdk.Upstream) (string, error) {
	well := u == nil || u.State == "succeeded"
	switch signal {
	case "", "auto":
		if well {
			return "", nil
		}
		return "fail", nil
	case "success":
		return "", nil
	case "fail", "start", "log":
		return signal, nil
	case "exit":
		if well {
			return "0", nil
		}
		return exitStatus(u.Error), nil
	}
	return "", badInput("signal: %q: want auto, success, fail, start, log or exit", signal)
}

// exitStatus reads the exit status of a program from the error of palyra.shell:
// "exit_3: exit status 3: …".
func exitStatus(text string) string {
	code, _, _ := strings.Cut(text, ":")
	number, ok := strings.CutPrefix(code, "exit_")
	status, err := strconv.Atoi(number)
	if !ok || err != nil || status < 1 || status > 255 {
		return "fail"
	}
	return strconv.Itoa(status)
}
