package check

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"dateline/internal/proof/chaos/history"
)

// judge is the state of one judgement: what is known of the run, and a line for
// each guarantee.
type judge struct {
	dir    string
	run    history.Run
	faults faults
	truth  *truth

	durable, once, order, silent, converge, phantom *Line
	bounded, views, closed, isolation, redaction    *Line
	log, vacuous                                    *Line
	lines                                           []*Line

	created, slowest int64 // creates acknowledged; the longest wait for an answer
	readers, events  int
	resets           map[string]int
	fold             fold
	shown            map[shownPage]int64 // when a page that was shown last was asked for
}

// Judge reads the history in a directory and says what it proves. An error means
// that the history itself is damaged or incomplete, so that it proves nothing.
func Judge(dir string) (Report, error) {
	j := &judge{dir: dir, resets: map[string]int{}, shown: map[shownPage]int64{}}
	j.begin()
	for _, step := range []func() error{
		j.load, j.judgeLog, j.judgeWrites, j.judgeReaders, j.judgeViews, j.judgeCredentials, j.judgeProbes, j.judgeSamples, j.judgeNodes,
	} {
		if err := step(); err != nil {
			return Report{}, fmt.Errorf("judge %s: %w", dir, err)
		}
	}
	j.judgeRun()
	return j.report(), nil
}

// begin makes the lines, in the order of the report.
func (j *judge) begin() {
	for _, l := range []struct {
		line            **Line
		guarantee, what string
	}{
		{&j.vacuous, "G0", "the run happened"},
		{&j.durable, "G1", "durable"},
		{&j.once, "G2", "once"},
		{&j.order, "G3", "order"},
		{&j.silent, "G4", "no silent loss"},
		{&j.converge, "G5", "converge"},
		{&j.phantom, "G6", "no phantom"},
		{&j.bounded, "G7", "bounded"},
		{&j.views, "G8", "views"},
		{&j.closed, "G9", "fail closed"},
		{&j.isolation, "G10", "isolation"},
		{&j.redaction, "G11", "redaction"},
		{&j.log, "D5", "the log itself"},
	} {
		*l.line = &Line{Guarantee: l.guarantee, What: l.what}
		j.lines = append(j.lines, *l.line)
	}
}

// load reads what everything else is compared with.
func (j *judge) load() (err error) {
	if j.run, err = history.Load[history.Run](j.path(history.RunFile)); err != nil {
		return err
	}
	if err := eachLine(j, history.FaultsFile, func(f *history.Fault) { j.faults = append(j.faults, *f) }); err != nil {
		return err
	}
	j.faults.finish(j.run.Ended)
	db, err := history.Load[history.Database](j.path(history.DatabaseFile))
	if err != nil {
		return err
	}
	j.truth = newTruth(&db, j.log, j.once)
	j.fold = newFold(len(j.truth.posts))
	return nil
}

func (j *judge) path(name string) string { return filepath.Join(j.dir, name) }

// eachLine reads a file of the run that may be missing: a run may have had no
// faults or no beacons, and then says so by judging none.
func eachLine[T any](j *judge, name string, f func(*T)) error {
	for line, err := range history.Lines[T](j.path(name)) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		f(&line)
	}
	return nil
}

// judgeRun refuses a run that proves nothing because nothing happened in it.
func (j *judge) judgeRun() {
	j.vacuous.Judged = int(j.created) + j.events
	j.vacuous.count("posts acknowledged", int(j.created))
	j.vacuous.count("deliveries", j.events)
	j.vacuous.count("readers", j.readers)
	j.vacuous.count("faults", len(j.faults))
	for _, c := range j.vacuous.Counts[:3] {
		if c.N == 0 {
			j.vacuous.violation("there are no %s", c.Name)
		}
	}
	if j.readers > 0 && j.converge.Judged == 0 {
		j.vacuous.violation("no reader was healthy")
	}
}

func (j *judge) report() (r Report) {
	for _, l := range j.lines {
		r.Lines = append(r.Lines, *l)
	}
	r.Figures = j.figures()
	return r
}

// when is a moment of the run for people: seconds since it began.
func (j *judge) when(at int64) string {
	return fmt.Sprintf("%.3f s", time.Duration(at-j.run.Began).Seconds())
}
