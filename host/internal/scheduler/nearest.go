package scheduler

// due is a job and when it is to be looked at.
type due struct {
	at  int64
	key uint32
}

// nearest is a binary heap, the soonest first.
type nearest []due

func (h *nearest) push(d due) {
	*h = append(*h, d)
	s := *h
	i := len(s) - 1
	for i > 0 && s[(i-1)/2].at > d.at {
		s[i] = s[(i-1)/2]
		i = (i - 1) / 2
	}
	s[i] = d
}

func (h *nearest) pop() {
	s := *h
	n := len(s) - 1
	last := s[n]
	*h = s[:n]
	if n > 0 {
		s[:n].sink(last)
	}
}

// sink puts d in the place of the first.
func (h nearest) sink(d due) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if h[child].at >= d.at {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = d
}

// first keeps of what it is offered so much as is soonest.
type first struct {
	most int
	kept nearest // with their instants negative, so that the latest is on top
}

func (f *first) offer(d due) {
	d.at = -d.at
	switch {
	case len(f.kept) < f.most:
		f.kept.push(d)
	case f.most > 0 && d.at > f.kept[0].at:
		f.kept.sink(d)
	}
}
