package main

import (
	"strings"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                             "0ms",
		-time.Second:                  "0ms",
		250 * time.Millisecond:        "250ms",
		time.Second:                   "1s",
		1500 * time.Millisecond:       "1.5s",
		59 * time.Second:              "59s",
		time.Minute:                   "1m",
		298 * time.Second:             "4m58s",
		2 * time.Hour:                 "2h",
		25*time.Hour + 30*time.Minute: "1d1h",
		48 * time.Hour:                "2d",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q; want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		time.Millisecond: "now", 5 * time.Second: "in 5s", -90 * time.Minute: "1h30m ago",
	} {
		if got := relative(d); got != want {
			t.Errorf("relative(%v) = %q; want %q", d, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":             "plain",
		"two\nlines\there":  "two lines here",
		"\x1b[31mred\x1b[m": "\uFFFD[31mred\uFFFD[m",
		"left\u202eright":   "left\uFFFDright",
		"příliš žluťoučký":  "příliš žluťoučký",
		"trailing  \n":      "trailing",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q; want %q", in, got, want)
		}
	}
	if got := brief(strings.Repeat("ž", 80), 10); got != strings.Repeat("ž", 9)+"…" {
		t.Errorf("brief = %q", got)
	}
}

func TestTail(t *testing.T) {
	if got := tail("1\n2\n3\n", 2); got != "…\n2\n3" {
		t.Errorf("tail = %q", got)
	}
	if got := tail("1\n2\n", 2); got != "1\n2" {
		t.Errorf("tail = %q", got)
	}
}
