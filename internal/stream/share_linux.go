package stream

// share remembers what a loop last found due. Most readers of a walk stand at the
// same place, and what is due to one of them is due to all: they need neither the
// topic's lock, for which the loops would queue, nor a list of their own.
type share struct {
	before, after Subscriber
	news          uint64 // of the topic, from before it was asked
	due           due
	kept          bool
}

// next is Subscriber.next for one of a loop's readers. The buffers of what it
// gives are good until the next call.
func (m *share) next(s *Subscriber) due {
	news := s.topic.news.Load()
	if m.kept && *s == m.before && news == m.news {
		*s = m.after
		return m.due
	}
	before := *s
	d := s.next(m.due.buffers[:0])
	// What only this reader is owed comes first, or ends its stream.
	*m = share{before: before, after: *s, news: news, due: d, kept: d.first == 0 && !d.over && !d.behind}
	return d
}

// forget lets go of the frames, of which the ring may let go, too.
func (m *share) forget() {
	const ordinary = 64
	buffers := m.due.buffers[:0]
	*m = share{}
	if cap(buffers) <= ordinary {
		clear(buffers[:cap(buffers)])
		m.due.buffers = buffers
	}
}
