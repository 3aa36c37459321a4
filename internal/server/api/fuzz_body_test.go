package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"dateline/internal/auth"
	"dateline/internal/server/access"
	"dateline/internal/server/middleware"
	"dateline/internal/server/operation"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// bodyProbe stands where the handlers of an operation do: it gets the body as
// they would.
type bodyProbe struct {
	name     string
	fields   []string
	handler  http.Handler
	accepted any // the last body that came through, nil if none did
}

// probe makes a probe of the operation whose input is I. Headers and paths have
// tests of their own.
func probe[I any](name string) *bodyProbe {
	engine := gin.New()
	engine.Use(middleware.RequestID, middleware.Recovery)
	p := &bodyProbe{name: name, handler: engine}
	op := huma.Operation{OperationID: name, SkipValidateParams: true}
	h := operation.New(operation.NewDocument("test", Complete), op, func(_ context.Context, in *I) (*operation.None, error) {
		p.accepted = reflect.ValueOf(in).Elem().FieldByName("Body").Interface()
		return &operation.None{}, nil
	})
	access.NewWall(engine, nil, nil, access.NewReads(0)).Mount(http.MethodPost, "/", auth.ReadPublic, h, 0)
	body, _ := reflect.TypeFor[I]().FieldByName("Body")
	if body.Type.Kind() == reflect.Pointer {
		body.Type = body.Type.Elem()
	}
	for i := range body.Type.NumField() {
		field, _, _ := strings.Cut(body.Type.Field(i).Tag.Get("json"), ",")
		p.fields = append(p.fields, field)
	}
	return p
}

// bodyProbes are all operations with a JSON body.
func bodyProbes() []*bodyProbe {
	gin.SetMode(gin.ReleaseMode)
	return []*bodyProbe{
		probe[createBlogInput]("create-blog"), probe[editBlogInput]("edit-blog"), probe[pinInput]("pin-post"),
		probe[createPostInput]("create-post"), probe[editPostInput]("edit-post"), probe[previewInput]("preview"),
		probe[setMemberInput]("set-member"), probe[createUserInput]("create-user"), probe[updateUserInput]("update-user"),
		probe[createTokenInput]("create-token"), probe[mediaUpdateInput]("update-media"), probe[signInInput]("sign-in"),
		probe[refreshInput]("refresh"), probe[changePasswordInput]("change-password"), probe[claimSetupInput]("claim-setup"),
	}
}

func (p *bodyProbe) post(body []byte) *httptest.ResponseRecorder {
	p.accepted = nil
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/"}, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	})
	return w
}

// strictly reads a body once more, by its tokens: an object, each field at most
// once and spelled as it is documented.
func strictly(body []byte, fields []string) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("no object")
	}
	var seen []string
	for d.More() {
		key, _ := d.Token()
		name, _ := key.(string)
		var value any
		if err := d.Decode(&value); err != nil {
			return err
		}
		if !slices.Contains(fields, name) || slices.Contains(seen, name) {
			return errors.New("field " + name)
		}
		seen = append(seen, name)
	}
	return nil
}

var someBodies = []string{
	`{}`, `null`, `[]`, ``, ` `, `{"title":"x"}`, `{"title":"x","title":"y"}`, `{"title":"x","TITLE":"y"}`, `{"slug":"cup-final","title":"x"} x`, "{\"title\":\"\xff\"}",
	`{"title":"x","status":"published","STATUS":"removed"}`, `{"title":"x","\u0073tatus":"draft","statu\u017f":"removed"}`, `{"post_id":null}`, `{"post_id":"0190a000-0000-7000-8000-000000000000"}`,
	`{"body":"x","format":"html"}`, `{"role":"viewer"}`, `{"role":"viewer","Role":"admin"}`, `{"email":"a@b","name":"x","role":"viewer","password":"x"}`,
	`{"name":"x","scopes":["read"],"expires_in_days":1}`, `{"name":"x","scopes":["read","read"],"expires_in_days":1e3}`, `{"name":"x","scopes":["read"],"expires_in_days":9223372036854775808}`,
	`{"tags":["a"],"key_event":true,"pinned":false}`, `{"alt":"x","caption":null}`, `{"refresh_token":"x"}`, `{"current_password":"x","new_password":"y"}`, `{"$schema":"x"}`,
	`{"title":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`, strings.Repeat("[", 5000), `{"title":"\ud800"}`, `{"title":"a\u0000b"}`, `{"title":1e999}`, `{"unlisted":"true"}`,
}

// A body is understood in one way or refused as the client's fault: what comes
// through holds the documented fields, each once, and says the same when it is
// written down and sent again.
func FuzzBody(f *testing.F) {
	probes := bodyProbes()
	for _, body := range someBodies {
		for i := range probes {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		p := probes[int(which)%len(probes)]
		w := p.post(body)
		first := p.accepted
		if w.Code >= http.StatusInternalServerError || (w.Code == http.StatusNoContent) != (first != nil) || w.Code != http.StatusNoContent && w.Code < http.StatusBadRequest {
			t.Fatalf("%s %q: %d %s", p.name, body, w.Code, w.Body)
		}
		if first == nil || reflect.ValueOf(first).IsZero() {
			return
		}
		if err := strictly(body, p.fields); err != nil || !utf8.Valid(body) {
			t.Errorf("%s took %q: %v", p.name, body, err)
		}
		again, err := json.Marshal(first)
		if w := p.post(again); err != nil || !reflect.DeepEqual(first, p.accepted) {
			t.Errorf("%s took %q, but not %q: %d %s %v", p.name, body, again, w.Code, w.Body, err)
		}
	})
}
