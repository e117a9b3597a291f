package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk"
)

// follower reads a run as a client would: live as far as it goes, then what the
// journal has.
type follower struct {
	*rig
	attempt, offset int
	heard           []string // "second: text" as it came
}

// follow reads until the run is not live any more, or ctx is done.
func (f *follower) follow(ctx context.Context, id job.RunID) error {
	for {
		text, on, err := f.Read(ctx, id, f.attempt, f.offset)
		if err != nil {
			return err
		}
		if text != "" {
			f.offset += len(text)
			f.heard = append(f.heard, f.second()+": "+strip(text))
			continue
		}
		rest, ok := f.written(id, f.attempt)
		if len(rest) > f.offset {
			f.heard = append(f.heard, f.second()+": "+strip(rest[f.offset:]))
		}
		if !on && !ok {
			return nil
		}
		f.attempt, f.offset = f.attempt+1, 0
	}
}

func (f *follower) second() string { return fmt.Sprintf("%gs", time.Since(f.start).Seconds()) }

// strip leaves the words of log lines.
func strip(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		words = append(words, fields[len(fields)-1])
	}
	return strings.Join(words, " ")
}

func (f *follower) written(id job.RunID, attempt int) (log string, ok bool) {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	for i, a := range f.journal.attempts {
		if a.Run == id && a.Number == attempt {
			return f.journal.kept[i], true
		}
	}
	return "", false
}

func (f *follower) want(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(f.heard, " | "); got != strings.Join(want, " | ") {
		t.Errorf("heard %q\nwant  %q", got, strings.Join(want, " | "))
	}
}

// chatty logs "N.0" at once, "N.1" a second later, and then fails so that it is
// tried again, but for the last attempt.
func chatty(last int) func(context.Context, sdk.Request, sdk.Host) (sdk.Result, error) {
	return func(ctx context.Context, req sdk.Request, host sdk.Host) (sdk.Result, error) {
		host.Log(sdk.LevelInfo, fmt.Sprintf("%d.0", req.Attempt))
		if err := lasting(ctx, time.Second); err != nil {
			return sdk.Result{}, err
		}
		host.Log(sdk.LevelInfo, fmt.Sprintf("%d.1", req.Attempt))
		if req.Attempt < last {
			return sdk.Result{}, &sdk.Error{Code: "again", Retryable: true}
		}
		return sdk.Result{}, nil
	}
}

func tries(n int, backoff time.Duration) func(*job.Job) {
	return func(j *job.Job) { j.Retry = job.Retry{Attempts: n, Backoff: backoff, Cap: backoff} }
}

// listen follows a run in the background; the channel has its end.
func (f *follower) listen(ctx context.Context, id job.RunID) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- f.follow(ctx, id) }()
	return ended
}

func TestAFollowerHearsEachLineAsItIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.act = chatty(2)
		r.fire(t, r.job("j", 0, tries(2, 10*time.Second)))
		early, late := &follower{rig: r, attempt: 1}, &follower{rig: r, attempt: 1}
		first := early.listen(t.Context(), r.row().ID)
		pass(11500 * time.Millisecond) // the second attempt is on
		second := late.listen(t.Context(), r.row().ID)
		if err := errors.Join(<-first, <-second); err != nil {
			t.Fatal(err)
		}
		early.want(t, "0s: 1.0", "1s: 1.1", "11s: 2.0", "12s: 2.1")
		late.want(t, "11.5s: 1.0 1.1", "11.5s: 2.0", "12s: 2.1")
	})
}

// A run that waits is followed from before its first byte.
func TestAFollowerWaitsForAQueuedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.act = chatty(1)
		j := r.job("j", 0, with(job.QueueOne))
		r.fire(t, j)
		r.fire(t, j)
		f := &follower{rig: r, attempt: 1}
		if err := <-f.listen(t.Context(), r.row().ID); err != nil {
			t.Fatal(err)
		}
		f.want(t, "1s: 1.0", "2s: 1.1")
	})
}

// Whoever comes back goes on where it was, whatever happened meanwhile.
func TestAFollowerComesBack(t *testing.T) {
	for _, away := range []time.Duration{0, time.Second, 5 * time.Second, 11 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			r.act = chatty(2)
			r.fire(t, r.job("j", 0, tries(2, 10*time.Second)))
			f := &follower{rig: r, attempt: 1}
			ctx, leave := context.WithCancel(t.Context())
			left := f.listen(ctx, r.row().ID)
			pass(500 * time.Millisecond)
			leave()
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			pass(away)
			if err := <-f.listen(t.Context(), r.row().ID); err != nil {
				t.Fatal(err)
			}
			words := make([]string, 0, len(f.heard))
			for _, h := range f.heard {
				_, text, _ := strings.Cut(h, ": ")
				words = append(words, text)
			}
			if got := strings.Join(words, " "); got != "1.0 1.1 2.0 2.1" {
				t.Errorf("away for %v: heard %q", away, got)
			}
		})
	}
}

// The end of a run ends who waits for more of it, whatever the end is.
func TestAFollowerIsToldThatThereIsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j := r.job("j", time.Hour, with(job.QueueOne))
		r.fire(t, j)
		r.fire(t, j)
		for _, i := range []int{1, 0} { // the one that waits, then the one that executes
			id := r.journal.rows[i].ID
			for _, attempt := range []int{1, 7} {
				f := &follower{rig: r, attempt: attempt}
				ended := f.listen(t.Context(), id)
				synctest.Wait()
				select {
				case err := <-ended:
					t.Fatal("ended before the run:", err)
				default:
				}
				defer func() {
					if err := <-ended; err != nil {
						t.Error(err)
					}
				}()
			}
			if err := r.Cancel(t.Context(), id, alice); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What is logged beyond the cap is not heard, the mark is, and at once: the
// follower has what the journal will have.
func TestAFollowerHearsTheMarkOfACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.act = func(ctx context.Context, _ sdk.Request, host sdk.Host) (sdk.Result, error) {
			for range 5000 {
				host.Log(sdk.LevelInfo, strings.Repeat("x", 98)+"\x00\xff")
			}
			return sdk.Result{}, lasting(ctx, time.Second)
		}
		r.fire(t, r.job("j", 0, nil))
		id := r.row().ID
		flood, _, err := r.Read(t.Context(), id, 1, 0)
		if err != nil || !strings.HasSuffix(flood, "[cut here: a log keeps 262144 bytes]\n") {
			t.Errorf("%v; it ends %q", err, flood[max(0, len(flood)-100):])
		}
		pass(time.Second)
		kept := r.journal.kept[0]
		if rest, ok := strings.CutPrefix(kept, flood); !ok || !strings.HasPrefix(rest, "[") || !strings.HasSuffix(rest, " more bytes]\n") {
			t.Errorf("heard were %d bytes; the journal keeps %d, which end %q", len(flood), len(kept), kept[len(kept)-50:])
		}
		if len(kept) > maxLog || !utf8.ValidString(kept) || strings.Contains(kept, "\x00") {
			t.Errorf("the journal keeps %d bytes", len(kept))
		}
	})
}

// Many followers, none of whom reads to the end, hold up neither the action nor
// each other.
func TestFollowersHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.act = chatty(1)
		r.fire(t, r.job("j", 0, nil))
		id := r.row().ID
		for range 100 {
			if text, on, err := r.Read(t.Context(), id, 1, 0); text == "" || !on || err != nil {
				t.Fatal(text, on, err)
			}
		}
		pass(time.Second)
		r.expect(t, "j@0 succeeded 0-1")
		if text, on, err := r.Read(t.Context(), id, 1, 0); text != "" || on || err != nil {
			t.Errorf("of a run that has ended: %q, %v, %v", text, on, err)
		}
	})
}
