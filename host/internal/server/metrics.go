package server

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// MetricKind is how a number moves.
type MetricKind string

// The kinds of metrics.
const (
	Counter   MetricKind = "counter"   // only up
	Gauge     MetricKind = "gauge"     // up and down
	Histogram MetricKind = "histogram" // its samples have the suffixes _bucket, _sum and _count
)

// Metric is what was measured under one name.
type Metric struct {
	Name    string
	Help    string
	Kind    MetricKind
	Samples []Sample
}

// Sample is one number of a metric.
type Sample struct {
	Suffix string
	Labels []string // name, value, name, value…
	Value  float64
}

// writeMetrics writes the text exposition format of Prometheus, 0.0.4.
func writeMetrics(to io.Writer, list []Metric) error {
	w := bufio.NewWriter(to)
	for _, m := range list {
		_, _ = w.WriteString("# HELP " + m.Name + " " + escape(m.Help, false) + "\n")
		_, _ = w.WriteString("# TYPE " + m.Name + " " + string(m.Kind) + "\n")
		for _, s := range m.Samples {
			_, _ = w.WriteString(m.Name + s.Suffix)
			writeLabels(w, s.Labels)
			_, _ = w.WriteString(" " + strconv.FormatFloat(s.Value, 'g', -1, 64) + "\n")
		}
	}
	return w.Flush()
}

func writeLabels(w *bufio.Writer, labels []string) {
	if len(labels) == 0 {
		return
	}
	separator := "{"
	for i := 0; i+1 < len(labels); i += 2 {
		_, _ = w.WriteString(separator + labels[i] + `="` + escape(labels[i+1], true) + `"`)
		separator = ","
	}
	_, _ = w.WriteString("}")
}

// escape makes text fit for a line, or for a label in quotation marks.
func escape(text string, quoted bool) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), `\`, `\\`)
	text = strings.ReplaceAll(text, "\n", `\n`)
	if quoted {
		text = strings.ReplaceAll(text, `"`, `\"`)
	}
	return text
}
