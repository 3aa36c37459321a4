package load

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dateline/internal/proof/chaos/history"
)

// logTo makes a log; done closes it and reads it back.
func logTo[T any](t *testing.T) (log *history.Log, done func() []T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.jsonl")
	log, err := history.NewLog(path)
	if err != nil {
		t.Fatal(err)
	}
	return log, func() []T {
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		return linesOf[T](t, path)
	}
}

func TestBeacons_ReportAsPagesOfTheirOwn(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(within(t, 30*time.Second))
	var reports, tokens atomic.Int32
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			answerJSON(w, 200, `{"events":[],"token":"page-%d"}`, tokens.Add(1))
			return
		}
		if r.Method == http.MethodGet {
			answerJSON(w, 200, `{"items":[{"id":"a","title":"x"},{"id":"b"}],"epoch":"e","last_seq":2}`)
			return
		}
		if reports.Add(1) == 3 {
			cut(w)
			end()
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	log, done := logTo[history.Beacon](t)
	if err := Beacons(ctx, BeaconConfig{Name: "b", Target: Target{Nodes: []string{f.url}}, Blog: "cup", Rate: 1000, Log: log}); err != nil {
		t.Fatal(err)
	}
	lines := done()
	if len(lines) != 3 || lines[0].Status != 204 || lines[2].Status != 0 || lines[0].Node != 1 || lines[0].Blog != "cup" {
		t.Errorf("logged %+v", lines)
	}
	requests, bodies := f.got()
	told := map[string]bool{}
	for i, r := range requests {
		var beacon struct {
			Token string
			Posts []string
		}
		if r.Method != http.MethodPost || json.Unmarshal([]byte(bodies[i]), &beacon) != nil {
			continue
		}
		if told[beacon.Token] || !strings.HasPrefix(beacon.Token, "page-") || len(beacon.Posts) != len(lines[len(told)].Posts) {
			t.Errorf("beacon %s, logged %v", bodies[i], lines[len(told)].Posts)
		}
		told[beacon.Token] = true
		if kind, agent := r.Header.Get("Content-Type"), r.UserAgent(); !strings.HasPrefix(kind, "text/plain") || !strings.HasPrefix(agent, "Mozilla") {
			t.Errorf("sent as %s by %s", kind, agent)
		}
	}
	if len(told) != 3 {
		t.Errorf("%d reports", len(told))
	}
}

func TestPages_AreLookedAtOnEachNode(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(within(t, 30*time.Second))
	up := newFakeNode(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 2 {
			end()
		}
	})
	down := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	log, done := logTo[history.Probe](t)
	if err := Pages(ctx, PageConfig{Target: Target{Nodes: []string{up.url, down.url}}, Blog: "cup", Every: 10 * time.Millisecond, Log: log}); err != nil {
		t.Fatal(err)
	}
	lines := done()
	if len(lines) < 4 || lines[0].Node != 1 || lines[0].Status != 200 || lines[1].Node != 2 || lines[1].Status != 503 || lines[0].Took <= 0 || lines[0].What != "page" {
		t.Errorf("logged %+v", lines)
	}
}

const tokenText = "dl_ABCDEFGHIJ_ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQR"

func TestForge_NeverMakesTheSame(t *testing.T) {
	t.Parallel()
	rnd := random(1, "forger")
	for range 1000 {
		if forge(rnd, tokenText) == tokenText {
			t.Fatal("the forged token is the one that was given")
		}
	}
	if forge(rnd, "x") == "x" {
		t.Error("of a short one")
	}
}

// A node that lets a revoked token in for half a second, and says so.
func TestCredentials_LogEveryUse(t *testing.T) {
	t.Parallel()
	var good atomic.Bool
	revoked := make(chan struct{})
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+tokenText || !good.Load():
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
		default:
			told(w, hello("e1", 0))
			select {
			case <-revoked:
			case <-r.Context().Done():
			}
		}
	})
	log, done := logTo[history.Credential](t)
	tries := 0
	err := Credentials(within(t, 30*time.Second), CredentialConfig{
		Target: Target{Nodes: []string{f.url}}, Draft: "hidden", Rounds: 1, Watch: 200 * time.Millisecond, Log: log,
		Dead: []DeadCredential{{Standing: Expired, Token: "dl_old", Since: time.Now()}},
		Mint: func(context.Context) (string, error) { good.Store(true); return tokenText, nil },
		Revoke: func(context.Context, string) error {
			if tries++; tries == 1 {
				return errors.New("the database is away")
			}
			good.Store(false)
			time.AfterFunc(100*time.Millisecond, func() { close(revoked) })
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	uses := map[string]int{}
	for _, c := range done() {
		uses[c.Standing+" "+c.Does] = c.Status
		if c.OpenFor != 0 {
			uses["held"] = c.Status
			if c.Since == 0 || c.At >= c.Since || c.OpenFor < int64(50*time.Millisecond) || c.OpenFor > int64(5*time.Second) {
				t.Errorf("a stream that was open is logged as %+v", c)
			}
		}
	}
	for use, status := range map[string]int{
		"valid write": 201, "valid stream": 200, "revoked write": 401, "forged write": 401, "forged stream": 401,
		"expired write": 401, "expired stream": 401, "held": 200,
	} {
		if uses[use] != status {
			t.Errorf("%s: %d, not %d", use, uses[use], status)
		}
	}
}

func TestCredentials_AStreamThatIsTurnedAwayLetsNobodyIn(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) { told(w, "retry: 5000\n\n") })
	log, done := logTo[history.Credential](t)
	k := &credentials{CredentialConfig: CredentialConfig{Draft: "hidden", Log: log}}
	node := newAPI(&route{target: Target{Nodes: []string{f.url}}, at: 1}, "", probeTimeout, nil)
	defer node.close()
	k.try(t.Context(), node, use{token: tokenText, standing: Revoked, since: time.Now()})
	for _, c := range done() {
		if c.Does == forStream && c.Status != 503 {
			t.Errorf("logged %+v", c)
		}
	}
}
