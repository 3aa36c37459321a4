package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/eventsource"
	"dateline/internal/wait"
)

// Standings of a credential, in history.Credential.
const (
	Valid    = "valid"
	Revoked  = "revoked"
	Forged   = "forged"
	Expired  = "expired"
	Disabled = "disabled" // of a user who may sign in no more
)

// What a credential is used for, in history.Credential.
const (
	forWrite  = "write"
	forStream = "stream"
)

// CredentialConfig says which credentials are tried, and on which nodes.
type CredentialConfig struct {
	Name   string
	Seed   uint64
	Target Target
	Via    []int  // nodes they are tried on; none means all
	Draft  string // slug of a blog that only those with the scope read may see
	// Mint makes an API token with the scopes read and posts:write, and gives what
	// a client sends. Revoke ends one; its return is the acknowledgement.
	Mint   func(ctx context.Context) (token string, err error)
	Revoke func(ctx context.Context, token string) error
	Dead   []DeadCredential // tried besides
	Rounds int              // tokens made and revoked; 0 means until the context ends
	Watch  time.Duration    // how long a revoked token is tried; 12 s when 0
	Log    *history.Log
}

// DeadCredential is one that the server must reject.
type DeadCredential struct {
	Standing string // Expired or Disabled
	Token    string
	Since    time.Time // when it became so
}

const (
	defaultWatch = 12 * time.Second
	// usePause is between two uses of the same credential on all nodes.
	usePause = time.Second
)

// credentials tries tokens, on all nodes at once.
type credentials struct {
	CredentialConfig
	rnd   *rand.Rand
	nodes []*api
}

// use is one credential at one moment.
type use struct {
	token, standing string
	since           time.Time // zero for one that was never good, or still is
}

// Credentials makes tokens, uses them for drafts on all nodes, revokes them and
// goes on using them, beside forged and dead ones, and logs every use. It
// changes nothing that readers see.
func Credentials(ctx context.Context, c CredentialConfig) error {
	if c.Draft == "" || c.Mint == nil || c.Revoke == nil || c.Log == nil {
		return errors.New("credentials need a draft, a log, and ways to make and revoke them")
	}
	if c.Watch == 0 {
		c.Watch = defaultWatch
	}
	k := &credentials{CredentialConfig: c, rnd: random(c.Seed, c.Name)}
	for _, node := range newRoute(c.Target, c.Via, k.rnd).via {
		a := newAPI(&route{target: c.Target, at: node}, "", probeTimeout, nil)
		defer a.close()
		k.nodes = append(k.nodes, a)
	}
	for n := 0; ctx.Err() == nil && (c.Rounds == 0 || n < c.Rounds); n++ {
		k.round(ctx)
	}
	return nil
}

// round is the life of one token, and what comes after it.
func (k *credentials) round(ctx context.Context) {
	token, ok := k.mint(ctx)
	if !ok {
		return
	}
	streams := k.openStreams(ctx, token)
	defer streams.end()
	guessed := use{token: guess(k.rnd, token), standing: Forged} // whatever the seed deals, this is tried
	k.tryAll(ctx, []use{{token: token, standing: Valid}, guessed, k.forged(token), k.forged(token)})
	if !wait.For(ctx, usePause+upTo(k.rnd, 2*usePause)) || !k.revoke(ctx, token) {
		return
	}
	since := time.Now()
	streams.revokedAt(since)
	for time.Since(since) < k.Watch && ctx.Err() == nil {
		uses := []use{{token: token, standing: Revoked, since: since}, k.forged(token)}
		for _, d := range k.Dead {
			uses = append(uses, use{d.Token, d.Standing, d.Since})
		}
		k.tryAll(ctx, uses)
		wait.For(ctx, usePause)
	}
}

// forged is a use of something like the token. While the token is good, all that
// is wrong with it is what was changed.
func (k *credentials) forged(token string) use {
	return use{token: forge(k.rnd, token), standing: Forged}
}

func (k *credentials) mint(ctx context.Context) (token string, ok bool) {
	for ctx.Err() == nil {
		token, err := k.Mint(ctx)
		if err == nil {
			return token, true
		}
		wait.For(ctx, usePause)
	}
	return "", false
}

// revoke asks until it is done. One that was done but not confirmed is no
// revocation yet: nothing is owed before the acknowledgement.
func (k *credentials) revoke(ctx context.Context, token string) bool {
	for ctx.Err() == nil {
		if k.Revoke(ctx, token) == nil {
			return true
		}
		wait.For(ctx, usePause)
	}
	return false
}

// forge makes a token that was never given out of one that was.
func forge(rnd *rand.Rand, token string) string {
	secret := strings.LastIndexByte(token, '_') + 1
	if secret < 5 || len(token)-secret < 2 {
		return "dl_" + token
	}
	switch rnd.IntN(6) {
	case 0: // another token's id
		return changed(rnd, token, len("dl_"), secret-1)
	case 1: // no secret
		return token[:secret]
	case 2: // a signature that asks not to be checked
		return "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiIxIiwicm9sZSI6ImFkbWluIn0."
	default:
		return guess(rnd, token)
	}
}

// guess makes a token with another secret.
func guess(rnd *rand.Rand, token string) string {
	return changed(rnd, token, strings.LastIndexByte(token, '_')+1, len(token))
}

// changed is a token with another character somewhere between two places.
func changed(rnd *rand.Rand, token string, from, to int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	at := from + rnd.IntN(to-from)
	other := strings.IndexByte(alphabet, token[at]) + 1 + rnd.IntN(len(alphabet)-2)
	return token[:at] + alphabet[other%len(alphabet):][:1] + token[at+1:]
}

// tryAll uses credentials on all nodes at once, in turn on each.
func (k *credentials) tryAll(ctx context.Context, uses []use) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, node := range k.nodes {
		all.Go(func() {
			for _, u := range uses {
				k.try(ctx, node, u)
			}
		})
	}
}

// try uses a credential on one node for a write and for a stream.
func (k *credentials) try(ctx context.Context, node *api, u use) {
	sent := time.Now()
	k.note(node, u, forWrite, sent, k.write(ctx, node, u.token))
	if ctx.Err() != nil {
		return
	}
	sent = time.Now()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	k.note(node, u, forStream, sent, k.stream(ctx, node, u.token, nil))
}

func (k *credentials) note(node *api, u use, does string, sent time.Time, status int) {
	line := history.Credential{At: sent.UnixNano(), Node: node.route.at, Standing: u.standing, Does: does, Status: status}
	if !u.since.IsZero() {
		line.Since = u.since.UnixNano()
	}
	k.Log.Add(line)
}

// write makes a draft, which is no event.
func (k *credentials) write(ctx context.Context, node *api, token string) (status int) {
	body := apiclient.JSON(map[string]string{"title": "draft", "body": "by a credential", "status": "draft"})
	as := *node
	as.token = token
	return as.ask(ctx, request{method: http.MethodPost, path: "/api/v1/blogs/" + k.Draft + "/posts", body: body}).status
}

// stream opens the draft's stream and lets follow read it from its hello on. A
// rejection, as while the database is out of reach, has the status 200 too, but no
// hello: stream returns 503 for it.
func (k *credentials) stream(ctx context.Context, node *api, token string, follow func(*eventsource.Parser)) (status int) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, node.route.url()+"/api/v1/blogs/"+k.Draft+"/stream", http.NoBody)
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := node.http.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode
	}
	p := eventsource.NewParser(res.Body)
	if e, err := p.Next(); err != nil || e.Name != history.Hello {
		return unavailable
	}
	if follow != nil {
		follow(p)
	}
	return http.StatusOK
}
