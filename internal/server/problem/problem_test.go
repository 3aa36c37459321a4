package problem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// A client that hangs up is no failure of the server: operators are paged for those.
func TestOf_LogsOnlyFailuresOfTheServer(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	if p := Of(t.Context(), fmt.Errorf("wait: %w", context.Canceled)); p.Status != statusClientGone || log.Len() > 0 {
		t.Errorf("a client that left: %d, logged %q", p.Status, log.String())
	}
	if p := Of(t.Context(), errors.New("secret detail")); p.Status != http.StatusInternalServerError ||
		strings.Contains(p.Detail, "secret") || !strings.Contains(log.String(), "secret detail") {
		t.Errorf("a failure: %+v, logged %q", p, log.String())
	}
}
