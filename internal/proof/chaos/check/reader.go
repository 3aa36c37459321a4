package check

import (
	"fmt"
	"os"
	"path/filepath"

	"dateline/internal/proof/chaos/history"
)

// reader follows one reader's log: where the reader is, and what it still has to
// be told.
type reader struct {
	*judge
	who  history.Reader
	blog *blog

	known   bool // that it is at a position, which is pos in epoch
	pos     int64
	epoch   string
	greeted bool          // this connection said hello
	moved   *history.Seen // a hello that goes on elsewhere: a reset must follow
	holes   []hole
	doubts  []doubt
	counts  map[string]int64 // of views, as told on this connection
	judged  int
	wild    int // contradictions of the order, which leave nothing to compare the end with
	// unnoticed are the faults that this reader need not notice; excused counts those
	// of them that are over and done with.
	unnoticed []*history.Fault
	excused   int
}

// doubt is a contradiction to the log as it is in the end. A reset with a new
// history takes it back.
type doubt struct {
	line *Line
	text string
}

// judgeReaders reads the logs of all readers.
func (j *judge) judgeReaders() error {
	for _, l := range []*Line{j.silent, j.phantom} {
		l.count("taken back by a reset", 0)
	}
	entries, err := os.ReadDir(j.path(history.ReadersDir))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".jsonl" {
			continue
		}
		r := &reader{judge: j}
		if err := history.Follow(j.path(filepath.Join(history.ReadersDir, e.Name())), r.begin, r.line); err != nil {
			return err
		}
		r.end()
	}
	return nil
}

func (r *reader) begin(who history.Reader) {
	r.who, r.blog = who, r.truth.blogs[who.Blog]
	r.unnoticed = r.faults.unnoticed(who.Keeps)
	r.readers++
	if r.blog == nil {
		r.vacuous.violation("reader %s follows blog %q, which is not in the database", who.Name, who.Blog)
		r.blog = &blog{}
	}
}

// line judges one line of the log.
func (r *reader) line(s *history.Seen) {
	for r.excused < len(r.unnoticed) && s.At > r.unnoticed[r.excused].Ended+recovering {
		r.excuse()
	}
	switch s.Kind {
	case history.Open:
		r.open(s)
	case history.Hello:
		r.hello(s)
	case history.Reset:
		r.reset(s)
	case history.Post, history.Update, history.Remove, history.Blog:
		r.settle()
		r.event(s)
	case history.Views:
		r.settle()
		r.judgeCounts(s)
	case history.Closed:
		r.judgeClosed(s)
	}
}

// excuse drops what the reader holds of a history that it can't tell from the
// present one.
func (r *reader) excuse() {
	r.phantom.count("not noticed by readers of the kind "+r.who.Keeps, len(r.doubts))
	r.excused, r.doubts = r.excused+1, nil
	r.fold.clear()
}

// unaware reports whether the reader may go on in another history without a word:
// it may come back from the old one long after.
func (r *reader) unaware(at int64) bool {
	return len(r.unnoticed) > 0 && r.unnoticed[0].Began <= at
}

// open is a request for a stream. A cursor behind what was seen is the reader's
// wish to see it again; one beyond it would jump over events.
func (r *reader) open(s *history.Seen) {
	r.greeted, r.moved, r.counts = false, nil, nil
	switch {
	case s.Seq < 0:
	case !r.known:
		r.start(s.Seq, s.Epoch)
	case s.Seq > r.pos:
		r.silent.violation("%s: asked to go on after %d, but had come to %d only", r.at(s), s.Seq, r.pos)
		r.wild++
		r.pos = s.Seq
	default:
		r.pos = s.Seq
		r.forgive(s.Seq)
	}
}

// start is the first position.
func (r *reader) start(seq int64, epoch string) {
	r.known, r.pos, r.epoch = true, seq, epoch
}

// hello says where a connection goes on. Elsewhere than asked is only right when
// a reset follows at once.
func (r *reader) hello(s *history.Seen) {
	r.greeted = true
	r.order.compare("connections")
	switch {
	case !r.known:
		r.start(s.Seq, s.Epoch)
	case r.epoch == "" && s.Seq == r.pos:
		r.epoch = s.Epoch
	case s.Seq != r.pos || s.Epoch != r.epoch && s.Epoch != "":
		moved := *s
		r.moved = &moved
	}
}

// settle complains of a hello that went on elsewhere without a reset. The epoch may
// be another for who can't tell, and for who tells none and proves its past: what
// follows is compared all the same.
func (r *reader) settle() {
	s := r.moved
	if s == nil {
		return
	}
	r.moved = nil
	if s.Seq == r.pos && (r.who.Keeps == history.KeepsReceipt || r.unaware(s.At)) {
		r.epoch = s.Epoch
		return
	}
	r.wild++
	switch {
	case s.Seq < r.pos && s.Epoch == r.epoch:
		r.order.violation("%s: went back to %d from %d", r.at(s), s.Seq, r.pos)
	case s.Seq != r.pos:
		r.silent.violation("%s: went on after %d instead of %d without a reset", r.at(s), s.Seq, r.pos)
	default:
		r.silent.violation("%s: went on in epoch %s instead of %s without a reset", r.at(s), s.Epoch, r.epoch)
	}
	r.start(s.Seq, s.Epoch)
}

// reset takes the reader to another position, for a reason that must be one.
func (r *reader) reset(s *history.Seen) {
	r.silent.compare("resets")
	r.resets[s.Why]++
	if why := r.groundless(s); why != "" {
		r.silent.violation("%s: reset %q without a cause: %s", r.at(s), s.Why, why)
	}
	r.missed()
	if s.Why != "pruned" {
		r.phantom.count("taken back by a reset", len(r.doubts))
		r.doubts = nil
	}
	r.moved, r.counts = nil, nil
	r.fold.clear()
	r.start(s.Seq, s.Epoch)
}

// groundless says why a reset has no cause, or nothing.
func (r *reader) groundless(s *history.Seen) string {
	allowed := r.faults.reset(s.Why, s.At)
	switch {
	case s.Why == "pruned" && s.Epoch == r.blog.Epoch && r.known && r.pos >= r.blog.Low:
		return fmt.Sprintf("the log keeps what follows %d", r.pos)
	case s.Why == "pruned" && r.blog.Low > 0:
		return ""
	case s.Why == "epoch" && r.known && s.Epoch == r.epoch && (r.moved == nil || r.moved.Epoch == s.Epoch):
		return "the epoch is the same"
	case s.Why == "ahead" && r.strayed(s):
		return ""
	case !allowed:
		return "no fault before it allows that"
	default:
		return ""
	}
}

// strayed reports whether a reader began where no event ever was: it came from
// nowhere in this log, and is its own cause.
func (r *reader) strayed(s *history.Seen) bool {
	return r.known && r.judged == 0 && s.Epoch == r.epoch && r.pos > r.blog.Head
}

// judgeClosed judges the end of a connection. Only a fault that may cut streams may end a
// healthy reader's; a rejected reader had none yet.
func (r *reader) judgeClosed(s *history.Seen) {
	open := r.greeted && r.who.Healthy && r.who.How != "poll"
	r.greeted = false
	if !open {
		return
	}
	r.isolation.compare("ends of streams")
	if !r.mayClose(s) {
		r.isolation.violation("%s: the stream ended (%s)", r.at(s), s.Why)
	}
}

// mayClose reports whether a connection may end as it did. What is silent is
// given up long after it fell silent.
func (r *reader) mayClose(s *history.Seen) bool {
	switch s.Why {
	case history.ByServer, history.Broken:
		return r.faults.close(s.Node, s.At)
	case history.Silent:
		return r.faults.silence(s.Node, s.At)
	default:
		return true
	}
}

// end judges what is left when the log is over.
func (r *reader) end() {
	r.missed()
	for r.excused < len(r.unnoticed) {
		r.excuse()
	}
	if r.judged == 0 && r.who.Healthy {
		r.vacuous.violation("reader %s saw nothing that could be judged", r.who.Name)
	}
	if r.who.Healthy || r.epoch == "" || r.epoch == r.blog.Epoch {
		for _, d := range r.doubts {
			d.line.violation("%s", d.text)
		}
	}
	if r.who.Healthy {
		r.judgeEnd()
	}
	r.fold.clear()
}

// doubt notes a contradiction that a later reset may take back.
func (r *reader) doubt(l *Line, s *history.Seen, format string, args ...any) {
	r.doubts = append(r.doubts, doubt{l, r.at(s) + ": " + fmt.Sprintf(format, args...)})
}

// at says who saw a line, and when.
func (r *reader) at(s *history.Seen) string {
	return fmt.Sprintf("%s at %s", r.who.Name, r.when(s.At))
}
