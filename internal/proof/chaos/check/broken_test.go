package check

import (
	"slices"
	"testing"

	"dateline/internal/proof/chaos/history"
)

// broken are histories with one thing wrong each. Every one must be noticed
// under its guarantee, and under no other.
var broken = []struct {
	name   string
	want   string
	script func(*past) // what happens besides
	damage func(*past) // what is changed in what was written down
}{
	{name: "an acknowledged post is missing", want: "G1", damage: func(p *past) {
		w := p.writes[0]
		w.Post, w.Text, w.Key = "six", "text of six", "key of six"
		p.writes = append(p.writes, w)
	}},
	{name: "an acknowledged edit is missing", want: "G1", damage: func(p *past) {
		p.writes = append(p.writes, history.Write{Op: history.Edit, Blog: "b", Post: "one", Text: "never", Version: 3, Status: 200})
	}},
	{name: "an acknowledged edit was overwritten by its sibling", want: "G1", damage: func(p *past) {
		p.writes = append(p.writes, history.Write{Op: history.Edit, Blog: "b", Post: "one", Text: "never", Version: 2, Status: 200})
	}},
	{name: "an acknowledged removal is missing", want: "G1", damage: func(p *past) {
		p.writes = append(p.writes, history.Write{Op: history.Delete, Blog: "b", Post: "four", Status: 204})
	}},
	{name: "the answer told another number than the log", want: "G1", damage: func(p *past) { p.writes[1].Seq++ }},
	{name: "an idempotency key is forgotten", want: "G1", damage: func(p *past) { p.db.Keys = p.db.Keys[1:] }},
	{name: "a loss outside of the fault that allows losses", want: "G1", damage: func(p *past) {
		p.faults[0].Allows.Lost = true
		w := p.writes[0]
		w.Post, w.Text, w.Key = "six", "text of six", "key of six"
		p.writes = append(p.writes, w)
	}},
	{name: "a key made two posts", want: "G2", damage: func(p *past) {
		p.db.Keys = append(p.db.Keys, history.KeyRow{Key: "key of one", Post: "two"})
	}},
	{name: "a retry made a second post", want: "G2", script: func(p *past) { p.create("again", "text of five", 0) }},
	{name: "a retry made a second edit", want: "G2", script: func(p *past) {
		p.change(history.Write{Op: history.Edit, Post: "one", Text: "text 2 of one"}, history.Update)
	}},
	{name: "a refused post was stored", want: "G2", script: func(p *past) { p.create("six", "text of six", 409) }},
	{name: "the repeated answer tells another number", want: "G2", damage: func(p *past) { p.writes[1].Replayed, p.writes[1].Seq = true, 9 }},
	{name: "an event came twice", want: "G3", damage: func(p *past) {
		r := p.readers["live"]
		r.insert(5, *r.line(4))
	}},
	{name: "the cursor's event came again after a reconnect", want: "G3", damage: func(p *past) {
		p.readers["late"].insert(3, p.delivery(p.db.Events[1], p.clock+2*second))
	}},
	{name: "two events changed places", want: "G3", damage: func(p *past) {
		r := p.readers["live"]
		four, five := r.line(4), r.line(5)
		*four, *five = *five, *four
	}},
	{name: "live events came before the replay", want: "G3", damage: func(p *past) {
		r := p.readers["late"]
		last := *r.line(10)
		r.drop(10)
		r.insert(3, last)
	}},
	{name: "an event has another number than its content", want: "G3", damage: func(p *past) { p.readers["live"].line(4).Why = "seq 3 in the data" }},
	{name: "a wrong title", want: "G3", damage: func(p *past) { p.readers["live"].line(9).Text = "text of another" }},
	{name: "a wrong text", want: "G3", damage: func(p *past) { p.readers["live"].line(9).Hash++ }},
	{name: "a wrong text, the same to all", want: "G3", damage: func(p *past) {
		for _, r := range p.readers {
			if i := r.find(9); i >= 0 {
				r.lines[i].Hash++
			}
		}
	}},
	{name: "a text left out", want: "G3", damage: func(p *past) { p.readers["live"].line(9).Hash = 0 }},
	{name: "another post than the log has", want: "G3", damage: func(p *past) {
		s := p.readers["live"].line(9)
		s.Post, s.Text = "five", "text of five"
	}},
	{name: "an older version than the event's", want: "G3", damage: func(p *past) {
		s := p.readers["live"].line(4)
		s.Version, s.Text, s.Hash = 1, "text of two", textHash("text of two")
	}},
	{name: "a post told as removed that is not", want: "G3", damage: func(p *past) { p.readers["live"].line(9).Kind = history.Remove }},
	{name: "a removal told as an update", want: "G3", damage: func(p *past) {
		s := p.readers["live"].line(6)
		s.Kind, s.Text = history.Update, "text of three"
	}},
	{name: "a stream began before its cursor", want: "G3", damage: func(p *past) {
		r := p.readers["late"]
		r.lines[1].Seq = 1
		r.insert(3, p.delivery(p.db.Events[1], p.clock+2*second))
	}},
	{name: "an event is left out", want: "G4", damage: func(p *past) { p.readers["live"].drop(4) }},
	{name: "an event is left out by a long poll", want: "G4", damage: func(p *past) { p.readers["poll"].drop(7) }},
	{name: "events are left out at a reconnect", want: "G4", damage: func(p *past) {
		r := p.readers["late"]
		r.drop(3)
		r.drop(4)
	}},
	{name: "a stream went on elsewhere without a reset", want: "G4", damage: func(p *past) {
		r := p.readers["late"]
		r.drop(3)
		r.lines[1].Seq = 3
	}},
	{name: "a stream went on in another epoch without a reset", want: "G4", damage: func(p *past) {
		r := p.readers["late"]
		r.lines[0].Seq, r.lines[1].Seq = -1, 0
		for seq := int64(2); seq > 0; seq-- {
			r.insert(seq+1, p.delivery(p.db.Events[seq-1], p.clock+2*second))
		}
		r.insert(3, history.Seen{Kind: history.Open, Seq: 2, Epoch: "e1"}, history.Seen{Kind: history.Hello, Seq: 2, Epoch: "e1"})
		r.lines[1].Epoch = "e0"
	}},
	{name: "a reader's cursor jumped", want: "G4", damage: func(p *past) {
		r := p.readers["live"]
		r.drop(4)
		r.insert(5, history.Seen{Kind: history.Open, Seq: 4, Epoch: "e1"}, history.Seen{Kind: history.Hello, Seq: 4, Epoch: "e1"})
	}},
	{name: "a reset without a cause", want: "G4", damage: func(p *past) {
		p.readers["live"].insert(9, history.Seen{At: p.clock, Kind: history.Reset, Why: "ahead", Seq: 8, Epoch: "e1"})
	}},
	{name: "a reset of a reader who begins at the log's end", want: "G4", damage: func(p *past) {
		r := p.readers["late"]
		r.lines[0].Seq, r.lines[1].Seq = p.db.Blogs[0].Head, 0
		r.insert(3, history.Seen{At: p.clock, Kind: history.Reset, Why: "ahead", Seq: 2, Epoch: "e1"})
	}},
	{name: "a reset of a reader who was led beyond the log's end", want: "G4", damage: func(p *past) {
		p.readers["live"].insert(9, history.Seen{At: p.clock, Kind: history.Reset, Why: "epoch", Seq: 1000, Epoch: "e2"},
			history.Seen{At: p.clock, Kind: history.Reset, Why: "ahead", Seq: 8, Epoch: "e1"})
	}},
	{name: "a reset before the fault that allows it", want: "G4", damage: func(p *past) {
		p.faults[0].Allows.Reset = []string{"ahead"}
		p.readers["live"].insert(4, history.Seen{At: began + 4*second, Kind: history.Reset, Why: "ahead", Seq: 3, Epoch: "e1"})
	}},
	{name: "a reset that says pruned of what is kept", want: "G4", damage: func(p *past) {
		p.db.Blogs[0].Low, p.db.Events = 2, p.db.Events[2:]
		p.readers["late"].insert(3, history.Seen{At: p.clock, Kind: history.Reset, Why: "pruned", Seq: 2, Epoch: "e1"})
	}},
	{name: "a reset to a new epoch that is the old one", want: "G4", damage: func(p *past) {
		p.faults[0].Allows.Reset = []string{"epoch"}
		p.readers["live"].insert(10, history.Seen{At: p.clock, Kind: history.Reset, Why: "epoch", Seq: 9, Epoch: "e1"})
	}},
	{name: "a reader is behind in the end", want: "G5", damage: func(p *past) { p.readers["poll"].drop(10) }},
	{name: "a reader ended in an old epoch", want: "G5", damage: func(p *past) {
		for i := range p.readers["late"].lines[:2] {
			p.readers["late"].lines[i].Epoch = "e0"
		}
	}},
	{name: "a reader ended beyond the log", want: "G5", damage: func(p *past) {
		p.faults[0].Allows.Reset = []string{"ahead"}
		p.readers["live"].add(history.Seen{At: p.clock, Kind: history.Reset, Why: "ahead", Seq: 90, Epoch: "e1"})
	}},
	{name: "an event beyond the log", want: "G6", damage: func(p *past) {
		s := *p.readers["live"].line(10)
		s.Seq++
		r := p.readers["live"]
		r.lines = append(r.lines[:len(r.lines)-1], s)
	}},
	{name: "an event of a post that was rolled back", want: "G6", damage: func(p *past) { p.readers["live"].line(9).Post = "lost" }},
	{name: "a version that was rolled back", want: "G6", damage: func(p *past) { p.readers["live"].line(9).Version = 2 }},
	{name: "goroutines are left", want: "G7", damage: func(p *past) { p.samples[2].Goroutines = 100 }},
	{name: "memory is left", want: "G7", damage: func(p *past) { p.samples[2].Resident = 160 << 20 }},
	{name: "a request panicked", want: "G7", damage: func(p *past) { p.output = "{\"level\":\"ERROR\",\"msg\":\"panic\",\"error\":\"nil\"}\n" }},
	{name: "a data race", want: "G7", damage: func(p *past) { p.output = "WARNING: DATA RACE\n" }},
	{name: "a count fell", want: "G8", damage: func(p *past) {
		p.faults[0].Allows.Views = false
		r := p.readers["late"]
		r.lines[len(r.lines)-2].Counts["one"] = 0
		p.beacons = p.beacons[1:]
	}},
	{name: "a view was counted twice", want: "G8", damage: func(p *past) { p.post("two").Views = 3 }},
	{name: "a view was counted that a node refused", want: "G8", damage: func(p *past) { p.beacons[4].Status, p.post("two").Views = 502, 3 }},
	{name: "an acknowledged view is missing", want: "G8", damage: func(p *past) { p.post("two").Views = 0 }},
	{name: "a view is missing that no fault may lose", want: "G8", damage: func(p *past) { p.faults[0].Allows.Views, p.post("one").Views = false, 1 }},
	{name: "a view is missing of another node than was killed", want: "G8", damage: func(p *past) {
		p.beacons[0].Node, p.post("one").Views = 2, 1
	}},
	{name: "a revoked credential wrote", want: "G9", damage: func(p *past) { p.credentials[1].Status = 201 }},
	{name: "a disabled user wrote", want: "G9", damage: func(p *past) { p.credentials[2].Status = 201 }},
	{name: "a forged credential read", want: "G9", damage: func(p *past) { p.credentials[3].Status = 200 }},
	{name: "an expired credential wrote", want: "G9", damage: func(p *past) { p.credentials[4].Status = 201 }},
	{name: "a draft's stream stayed open", want: "G9", damage: func(p *past) { p.credentials[6].OpenFor = 9 * second }},
	{name: "a stream was closed during a fault that closes none", want: "G10", damage: func(p *past) {
		p.faults[0].Allows = history.Allows{Down: true, Views: true}
		p.probes = p.probes[:1]
	}},
	{name: "a stream was closed for nothing", want: "G10", damage: func(p *past) {
		p.readers["live"].insert(4, history.Seen{At: began + 4*second, Kind: history.Closed, Why: history.ByServer, Node: 1})
	}},
	{name: "a stream fell silent for nothing", want: "G10", damage: func(p *past) {
		p.readers["live"].insert(4, history.Seen{At: began + 4*second, Kind: history.Closed, Why: history.Silent, Node: 1})
	}},
	{name: "a page was not answered during a fault", want: "G10", damage: func(p *past) { p.probes[0].Status = 503 }},
	{name: "a replaced text was told", want: "G11", damage: func(p *past) {
		s := p.readers["late"].line(4)
		s.Version, s.Text, s.Hash = 2, "text 2 of two", textHash("text 2 of two")
	}},
	{name: "a removed text was told", want: "G11", damage: func(p *past) {
		s := p.readers["late"].line(3)
		s.Kind, s.Version, s.Text, s.Hash = history.Post, 1, "text of three", textHash("text of three")
	}},
	{name: "a removal was told with the text", want: "G11", damage: func(p *past) {
		s := p.readers["late"].line(3)
		s.Kind, s.Text, s.Hash = history.Post, "text of three", textHash("text of three")
	}},
	{name: "a removed text was shown on a page", want: "G11", damage: func(p *past) { p.show("text of three", 2*second+1) }},
	{name: "a corrected text was shown on a page under load", want: "G11", damage: func(p *past) {
		p.faults = append(p.faults, history.Fault{Kind: "F47", Began: began, Ended: p.clock, Allows: history.Allows{Busy: true}})
		p.show("text of two", 2*second+1)
	}},
	{name: "a page showed what was rolled back", want: "G6", damage: func(p *past) { p.show("never stored", 0) }},
	{name: "a page of before the restore was shown after it", want: "G6", damage: func(p *past) {
		snapshot(p)
		p.probes = append(p.probes, history.Probe{At: p.clock + 20*second, Node: 2, What: "page", Status: 200, Titles: []string{"gone"}})
	}},
	{name: "a page was withheld of which nothing was taken back", want: "G10", damage: func(p *past) {
		p.faults = append(p.faults, history.Fault{Kind: "F16", Began: began, Ended: p.clock, Allows: history.Allows{Down: true}})
		at := p.clock
		p.probes = append(p.probes, history.Probe{At: at, Node: 2, What: "page", Blog: "b", Status: 200}, history.Probe{At: at + second, Node: 2, What: "page", Blog: "b", Status: 503})
	}},
	{name: "the balancer withheld a page that every node could show", want: "G10", damage: func(p *past) {
		p.run.Nodes = 2
		p.faults = append(p.faults, history.Fault{Kind: "F16", Began: began, Ended: p.clock + 60*second, Allows: history.Allows{Down: true}})
		for node := range 2 {
			p.probes = append(p.probes, history.Probe{At: p.clock + 60*second, Node: node + 1, What: "page", Blog: "b", Status: 200})
		}
		p.probes = append(p.probes, history.Probe{At: p.clock + 60*second + second, What: "page", Blog: "b", Status: 503})
	}},
	{name: "pages were withheld long after a restore", want: "G10", damage: func(p *past) {
		p.faults = append(p.faults, history.Fault{Kind: "F34", Began: p.clock - second, Ended: p.clock, Allows: history.Allows{Down: true, Lost: true}})
		p.probes = append(p.probes, history.Probe{At: p.clock - 2*second, Node: 2, What: "page", Blog: "b", Status: 200},
			history.Probe{At: p.clock + recovering + second, Node: 2, What: "page", Blog: "b", Status: 503})
	}},
	{name: "a flooded node failed", want: "G10", damage: func(p *past) {
		p.faults = append(p.faults, history.Fault{Kind: "F47", Began: began, Ended: p.clock, Allows: history.Allows{Busy: true}})
		p.probes[0].Status = 500
	}},
	{name: "a snapshot was put back and a reader with the chain was not told", want: "G6", damage: func(p *past) {
		snapshot(p)
		p.readers["live"].who.Keeps = history.KeepsChain
	}},
	{name: "a snapshot was put back and a reader with receipts was not told", want: "G6", damage: func(p *past) {
		snapshot(p)
		p.readers["live"].who.Keeps = history.KeepsReceipt
	}},
	{name: "a snapshot was put back under a living node and a reader with the epoch was not told", want: "G6", damage: func(p *past) {
		snapshot(p)
		p.faults[1].Allows.Unnoticed = []string{history.KeepsNumber}
		p.readers["live"].who.Keeps = history.KeepsEpoch
	}},
	{name: "a bare number went on in another history that nothing explains", want: "G4", damage: func(p *past) {
		r := p.readers["late"]
		r.who.Keeps = history.KeepsNumber
		r.lines[1].Epoch = "e0"
		r.insert(4, history.Seen{At: p.clock + second, Kind: history.Open, Seq: 3}, history.Seen{At: p.clock + second, Kind: history.Hello, Seq: 3, Epoch: "e1"})
	}},
	{name: "what a bare number is told after the restore is not in the log", want: "G6", damage: func(p *past) {
		snapshot(p)
		for _, l := range []int64{9, 10} {
			p.readers["live"].line(l).At += 20 * second
		}
		p.faults[1].Ended = p.clock
	}},
	{name: "a reset for a chain that nothing explains", want: "G4", damage: func(p *past) {
		p.readers["live"].insert(9, history.Seen{At: p.clock, Kind: history.Reset, Why: "chain", Seq: 8, Epoch: "e1"})
	}},
	{name: "an event is told with another chain than the log has", want: "G3", damage: func(p *past) {
		p.link()
		p.readers["live"].line(9).Chain++
	}},
	{name: "an event is told without its chain", want: "G3", damage: func(p *past) {
		p.link()
		p.readers["poll"].line(9).Chain = 0
	}},
	{name: "the chain of the log is broken", want: "D5", damage: func(p *past) {
		p.link()
		p.db.Events[8].At += second
	}},
	{name: "a number is missing in the log", want: "D5", damage: func(p *past) { p.db.Events = slices.Delete(p.db.Events, 6, 7) }},
	{name: "a version came back in the log", want: "D5", script: func(p *past) {
		p.event(history.EventRow{Type: history.Update, Post: "four", Version: 1})
	}, damage: func(p *past) {
		p.writes = slices.DeleteFunc(p.writes, func(w history.Write) bool { return w.Post == "four" })
	}},
	{name: "an event of a removed post", want: "D5", script: func(p *past) {
		p.change(history.Write{Op: history.Edit, Post: "three", Text: "too late", Status: 200}, history.Update)
	}},
	{name: "a reader saw nothing", want: "G0", damage: func(p *past) {
		head := p.db.Blogs[0].Head
		p.readers["idle"] = &told{who: history.Reader{Name: "idle", Blog: "b", Healthy: true}}
		p.open(p.readers["idle"], p.clock, head)
	}},
	{name: "nobody wrote", want: "G0", damage: func(p *past) { p.writes = nil }},
	{name: "nobody read", want: "G0", damage: func(p *past) { p.readers = nil }},
	{name: "no reader was healthy", want: "G0", damage: func(p *past) {
		for _, r := range p.readers {
			r.who.Healthy = false
		}
	}},
}

func TestJudge_NoticesWhatIsBroken(t *testing.T) {
	t.Parallel()
	for _, b := range broken {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			script := func(*past) {}
			if b.script != nil {
				script = b.script
			}
			p := newPast(script)
			if b.damage != nil {
				b.damage(p)
			}
			report, err := Judge(p.save(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Violated(); !slices.Equal(got, []string{b.want}) {
				t.Errorf("violated are %v, want %s\n%s", got, b.want, report)
			}
		})
	}
}
