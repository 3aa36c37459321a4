//go:build unix

package run

import (
	"bytes"
	"os"
	"slices"
	"testing"
	"time"

	"dateline/internal/proof/chaos/broken"
)

// quick are the broken servers that show their mistake within seconds, at least
// one for each guarantee. `chaos --broken all` plays them all.
const quick = "ack-before-commit,ack-unknown,removal-untold,key-ignored,key-apart,no-poll,listen-late,drop-when-slow,reordered-batch,poll-jumps," +
	"resume-inclusive,resume-skip,live-before-replay,drop-beyond-ring,epoch-ignored,ahead-believed,pruned-served,lag-is-ahead," +
	"mixed-texts,stale-replay,removed-body,loop-deaf,loop-loses-rest,loop-no-rewind," +
	"chain-ignored,log-unwatched,ended-for-ever," +
	"secret-unchecked,revoked-cached,expiry-ignored,outage-closes,stream-leak,views-forgotten"

// TestBroken_EachIsCaught proves the checker's worth: servers that are wrong on
// purpose must each violate the guarantee that they break, and the same program
// with nothing of it broken must pass what the others go through.
func TestBroken_EachIsCaught(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	defer func() { t.Log(out.String()) }()
	all, _, err := mutations(quick)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 33 {
		t.Fatalf("%d broken servers, want 33", len(all))
	}
	r, err := beginRun(t.Context(), Options{Seed: testSeed}, brokenProfile, &out)
	if err != nil {
		t.Fatal(err)
	}
	var missed, unsound []string
	err = together(
		func() (err error) { missed, err = r.catch(t.Context(), all, 4); return err },
		func() (err error) { unsound, err = r.clear(t.Context(), soundServers[:2]); return err },
	)
	switch {
	case err != nil:
		t.Fatal(err)
	case len(missed) > 0:
		t.Errorf("the checker did not catch %v; see %s", missed, r.dir)
	case len(unsound) > 0:
		t.Errorf("the sound server did not hold: %v; see %s", unsound, r.dir)
	default:
		os.RemoveAll(r.dir)
	}
}

func TestSteps_AreOfNeedsThatExist(t *testing.T) {
	t.Parallel()
	known := []string{}
	for _, m := range broken.All {
		known = append(known, m.Needs...)
	}
	for need := range steps {
		if !slices.Contains(known, need) {
			t.Errorf("no broken server needs %q", need)
		}
	}
}

func TestRestarts_TellOneFromTheNext(t *testing.T) {
	t.Parallel()
	second := int64(time.Second)
	got := restarts([]farewell{{bye: 60 * second, back: 61 * second}, {bye: 0, back: 3 * second}, {bye: second, back: 2 * second}})
	if len(got) != 2 || got[0] != 3*time.Second || got[1] != time.Second {
		t.Errorf("%v", got)
	}
}
