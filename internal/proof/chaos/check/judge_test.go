package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dateline/internal/proof/chaos/history"
)

// sound are histories in which nothing is wrong.
var sound = []struct {
	name   string
	script func(*past)
	damage func(*past)
}{
	{name: "as it should be"},
	{name: "a restored database and a reset", damage: restore},
	{name: "a reset since the log was pruned", damage: func(p *past) {
		p.db.Blogs[0].Low, p.db.Events = 3, p.db.Events[3:]
		r := p.readers["late"]
		r.lines[1].Seq = 3
		*r.line(3) = history.Seen{At: p.clock, Kind: history.Reset, Why: "pruned", Seq: 3, Epoch: "e1"}
	}},
	{name: "a reset since the log was pruned, of which a copy was kept", damage: func(p *past) {
		p.db.Blogs[0].Low = 3
		r := p.readers["late"]
		r.lines[1].Seq = 3
		*r.line(3) = history.Seen{At: p.clock, Kind: history.Reset, Why: "pruned", Seq: 3, Epoch: "e1"}
	}},
	{name: "a loss that a fault allows", damage: func(p *past) {
		p.faults[0].Allows.Lost = true
		w := p.writes[0]
		w.Post, w.Text, w.Key, w.Began, w.Ended = "six", "text of six", "key of six", p.faults[0].Began-1, p.faults[0].Began
		p.writes = append(p.writes, w)
	}},
	{name: "a post without an answer", script: func(p *past) { p.create("six", "text of six", 0) }},
	{name: "a view whose answer the proxy never got", damage: func(p *past) { p.beacons[4].Node, p.beacons[4].Status, p.post("two").Views = 0, 502, 3 }},
	{name: "a refused post", damage: func(p *past) {
		p.writes = append(p.writes, history.Write{Op: history.Create, Blog: "b", Text: "refused", Status: 422, Attempts: 1})
	}},
	{name: "a repeated answer", damage: func(p *past) { p.writes[0].Replayed, p.writes[0].Attempts = true, 3 }},
	{name: "an edit that was found done", damage: func(p *past) { p.writes[3].Seq, p.writes[3].Attempts = 0, 2 }},
	{name: "a reader who goes back", damage: func(p *past) {
		r := p.readers["live"]
		r.insert(5, history.Seen{Kind: history.Open, Seq: 3, Epoch: "e1"}, history.Seen{Kind: history.Hello, Seq: 3, Epoch: "e1"}, *r.line(4))
	}},
	{name: "a connection cut between its hello and the reset", damage: func(p *past) {
		r := p.readers["late"]
		r.insert(3, history.Seen{Kind: history.Open, Seq: 2, Epoch: "e1"}, history.Seen{Kind: history.Hello, Seq: 10, Epoch: "e2"},
			history.Seen{Kind: history.Closed, Why: history.Broken, At: p.faults[0].Began},
			history.Seen{Kind: history.Open, Seq: 2, Epoch: "e1"}, history.Seen{Kind: history.Hello, Seq: 2, Epoch: "e1"})
	}},
	{name: "a reader who came from nowhere and was told", damage: func(p *past) {
		r := p.readers["late"]
		r.lines[0].Seq, r.lines[1].Seq = 1000, 0
		r.insert(3, history.Seen{At: p.clock, Kind: history.Reset, Why: "ahead", Seq: 2, Epoch: "e1"})
	}},
	{name: "a reader who was turned away", damage: func(p *past) {
		p.readers["live"].insert(3, history.Seen{At: began, Kind: history.Open, Seq: 2, Epoch: "e1"},
			history.Seen{At: began, Kind: history.Closed, Why: history.ByServer}, history.Seen{At: began, Kind: history.Open, Seq: 2, Epoch: "e1"})
	}},
	{name: "a replaced text told by a node that was cut off", damage: func(p *past) {
		p.faults = append(p.faults, history.Fault{Kind: "F4", Began: began, Ended: p.clock, Allows: history.Allows{Stale: true}})
		s := p.readers["late"].line(4)
		s.Version, s.Text, s.Hash = 2, "text 2 of two", textHash("text 2 of two")
	}},
	{name: "a snapshot was put back, and a bare number can't tell", damage: snapshot},
	{name: "a chain that is told as it is", damage: (*past).link},
	{name: "a reset for the chain after a snapshot was put back", damage: func(p *past) {
		snapshot(p)
		r := p.readers["live"]
		r.who.Keeps = history.KeepsChain
		r.lines = r.lines[:len(r.lines)-1]
		r.add(history.Seen{At: p.clock + second, Kind: history.Reset, Why: "chain", Seq: 8, Epoch: "e1"},
			p.delivery(p.db.Events[8], p.clock+2*second), p.delivery(p.db.Events[9], p.clock+2*second))
	}},
	{name: "a receipt of what both histories have goes on in the other epoch", damage: func(p *past) {
		r := p.readers["late"]
		r.who.Keeps = history.KeepsReceipt
		r.lines[0].Epoch, r.lines[1].Epoch = "", "e0"
		r.insert(4, history.Seen{At: p.clock + second, Kind: history.Open, Seq: 3}, history.Seen{At: p.clock + second, Kind: history.Hello, Seq: 3, Epoch: "e1"})
	}},
	{name: "a reset after a restore that a reader need not have noticed", damage: func(p *past) {
		snapshot(p)
		p.faults[1].Allows.Reset = []string{"epoch"}
		r := p.readers["poll"]
		r.who.Keeps = history.KeepsEpoch
		for i := range r.lines {
			r.lines[i].Epoch = ""
		}
		r.lines[0].Epoch = "e0"
		r.insert(10, history.Seen{At: p.clock + second, Kind: history.Hello, Seq: 9, Epoch: "e1"},
			history.Seen{At: p.clock + second, Kind: history.Reset, Why: "epoch", Seq: 9, Epoch: "e1"})
	}},
	{name: "a removed text on a page within two seconds", damage: func(p *past) { p.show("text of three", 2*second-1) }},
	{name: "a page of a history that was lost, before that", damage: func(p *past) {
		snapshot(p)
		p.probes = append(p.probes, history.Probe{At: p.clock - second, Node: 2, What: "page", Status: 200, Titles: []string{"gone"}})
	}},
	{name: "a page withheld after a removal, without the database", damage: func(p *past) {
		p.faults = append(p.faults, history.Fault{Kind: "F16", Began: began, Ended: p.clock, Allows: history.Allows{Down: true}})
		p.probes = append(p.probes, history.Probe{At: began + second, Node: 2, What: "page", Blog: "b", Status: 200},
			history.Probe{At: began + 9*second, Node: 2, What: "page", Blog: "b", Status: 503})
	}},
	{name: "a page of a history that was lost is withheld", damage: func(p *past) {
		p.faults = append(p.faults, history.Fault{Kind: "F34", Began: p.clock, Ended: p.clock + second, Allows: history.Allows{Down: true, Lost: true}})
		p.probes = append(p.probes, history.Probe{At: p.clock - second, Node: 2, What: "page", Blog: "b", Status: 200},
			history.Probe{At: p.clock + 2*second, Node: 2, What: "page", Blog: "b", Status: 503})
	}},
	{name: "a page that one of the nodes never showed is withheld by the balancer", damage: func(p *past) {
		p.run.Nodes = 2
		p.faults = append(p.faults, history.Fault{Kind: "F16", Began: began, Ended: p.clock + 60*second, Allows: history.Allows{Down: true}})
		p.probes = append(p.probes, history.Probe{At: p.clock + 60*second, Node: 1, What: "page", Blog: "b", Status: 200},
			history.Probe{At: p.clock + 61*second, What: "page", Blog: "b", Status: 503})
	}},
	{name: "a node that has not noticed a restore yet says hello in the lost epoch", damage: func(p *past) {
		snapshot(p)
		p.faults[1].Allows.Reset = []string{"epoch"}
		r := p.readers["late"]
		r.who.Keeps = history.KeepsReceipt
		r.insert(9, history.Seen{At: p.clock + second, Kind: history.Open, Seq: 8, Epoch: "e1"},
			history.Seen{At: p.clock + second, Kind: history.Hello, Seq: 8, Epoch: "e0"},
			history.Seen{At: p.clock + second, Kind: history.Reset, Why: "epoch", Seq: 8, Epoch: "e1"})
	}},
	{name: "a flooded node has no time for a page", damage: func(p *past) {
		p.faults = append(p.faults, history.Fault{Kind: "F47", Began: began, Ended: p.clock, Allows: history.Allows{Busy: true}})
		p.probes[0].Status = 503
	}},
	{name: "a hostile reader who saw nothing", damage: func(p *past) {
		p.readers["never"] = &told{who: history.Reader{Name: "never", Blog: "b"}}
	}},
}

// restore makes the database that of a dump from before the reader "live" saw
// event 9: other posts have the numbers since.
func restore(p *past) {
	p.db.Blogs[0].Epoch = "e2"
	p.faults = append(p.faults, history.Fault{
		Kind: "F34", Began: p.clock - second, Ended: p.clock, Allows: history.Allows{Reset: []string{"epoch", "ahead"}, Lost: true},
	})
	for name, r := range p.readers {
		for i := range r.lines {
			if name != "live" && r.lines[i].Epoch == "e1" {
				r.lines[i].Epoch = "e2"
			}
		}
	}
	r := p.readers["live"]
	before := *r.line(9)
	before.Post, before.Text = "gone", "gone"
	r.insert(9, before, history.Seen{At: p.clock + second, Kind: history.Reset, Why: "epoch", Seq: 8, Epoch: "e2"})
}

// snapshot makes the database that of a snapshot from before the reader "live",
// who keeps a bare number, saw event 9, and overtaken since: all is named as before.
func snapshot(p *past) {
	p.faults = append(p.faults, history.Fault{
		Kind: "F45", Began: p.clock - 4*second, Ended: p.clock,
		Allows: history.Allows{Reset: []string{"chain"}, Lost: true, Stale: true, Unnoticed: []string{history.KeepsEpoch, history.KeepsNumber}},
	})
	r := p.readers["live"]
	r.who.Keeps = history.KeepsNumber
	gone := r.line(9)
	gone.Post, gone.Text = "gone", "gone"
}

func TestJudge_PassesWhatIsSound(t *testing.T) {
	t.Parallel()
	for _, s := range sound {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			script := func(*past) {}
			if s.script != nil {
				script = s.script
			}
			p := newPast(script)
			if s.damage != nil {
				s.damage(p)
			}
			report, err := Judge(p.save(t))
			if err != nil {
				t.Fatal(err)
			}
			if !report.OK() {
				t.Errorf("violated are %v\n%s", report.Violated(), report)
			}
		})
	}
}

func TestJudge_ComparesEverything(t *testing.T) {
	t.Parallel()
	report, err := Judge(newPast().save(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range report.Lines {
		if l.Judged == 0 {
			t.Errorf("%s %s was not judged", l.Guarantee, l.What)
		}
	}
}

func TestJudge_RefusesDamagedFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		history.RunFile, history.DatabaseFile, history.WritesFile, history.FaultsFile, history.BeaconsFile, history.CredentialsFile,
		history.ProbesFile, history.SamplesFile, filepath.Join(history.ReadersDir, "live.jsonl"),
	} {
		dir := newPast().save(t)
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text[:len(text)-3], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Judge(dir); err == nil {
			t.Errorf("half of %s is as good as the whole", name)
		}
	}
}

func TestReport_ShowsWhatWasFound(t *testing.T) {
	t.Parallel()
	p := newPast()
	p.readers["live"].drop(4)
	report, err := Judge(p.save(t))
	if err != nil {
		t.Fatal(err)
	}
	text := report.String()
	for _, want := range []string{
		"G4 no silent loss", "VIOLATED 1 times", "live: events 4 to 4 were left out", "G1 durable", "holds",
		"posts acknowledged", "recovery after F2 node killed", "1 times: half within 2s",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

func TestReport_EmptyIsNotOK(t *testing.T) {
	t.Parallel()
	if (Report{}).OK() {
		t.Error("a report of nothing is good")
	}
}
