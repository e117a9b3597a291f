package server

import (
	"io"
	"net/http"

	"github.com/palyra-go/palyra/host/internal/policy"
)

// The probes, for supervisors and monitors; see the package comment.
func (s *Server) probes(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /metrics", s.metrics)
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // who asked may be gone
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if why := s.unready(); why != "" {
		say(w, http.StatusServiceUnavailable, why)
		return
	}
	say(w, http.StatusOK, "ok")
}

// unready says why the daemon does not do its work, if it does not.
func (s *Server) unready() string {
	select {
	case <-s.stopping:
		return "stopping"
	default:
	}
	if s.Trouble == nil {
		return ""
	}
	return s.Trouble()
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	if _, ok := peer(r.Context()); !ok {
		say(w, http.StatusForbidden, "the caller is not known: come by the unix socket")
		return
	}
	if err := s.may(r.Context(), "host.view", policy.Resource{}); err != nil {
		say(w, http.StatusForbidden, err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	list := []Metric{}
	if s.Metrics != nil {
		list = s.Metrics(r.Context())
	}
	_ = writeMetrics(w, list) // who asked may be gone
}
