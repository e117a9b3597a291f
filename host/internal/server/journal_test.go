package server

import (
	"errors"
	"io"
	"testing"

	"github.com/palyra-go/palyra/host/api"
)

func TestTail(t *testing.T) {
	for _, c := range []struct {
		name        string
		request     *api.TailRequest
		first, last int64
	}{
		{"the last ones", &api.TailRequest{}, 26, 45},
		{"so many", &api.TailRequest{Limit: 3}, 43, 45},
		{"more than there are", &api.TailRequest{Limit: 100}, 1, 45},
		{"after", &api.TailRequest{After: 40, Limit: 1}, 41, 45},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, newFake().config())
			stream, err := client.Journal.Tail(t.Context(), c.request)
			if err != nil {
				t.Fatal(err)
			}
			want := c.first
			for {
				e, err := stream.Receive()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if e.GetSeq() != want {
					t.Fatalf("entry %d, want %d", e.GetSeq(), want)
				}
				want++
			}
			if want != c.last+1 {
				t.Errorf("ended before %d, want %d", want, c.last+1)
			}
		})
	}
}
