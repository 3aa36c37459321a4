package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"dateline/internal/liveblog"
)

// startLog makes the default logger.
func startLog(c Config, w io.Writer) { slog.SetDefault(newLog(c, w)) }

// newLog makes a logger. Lines that belong to a request carry its id.
func newLog(c Config, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(w, options)
	if c.LogFormat == "text" || c.LogFormat == "auto" && isTerminal(w) {
		h = slog.NewTextHandler(w, options)
	}
	return slog.New(requestHandler{h})
}

// isTerminal reports whether a person reads what is written to w.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// requestHandler adds the id of the request to records that do not have it yet.
type requestHandler struct{ slog.Handler }

const requestID = "request_id"

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	id := liveblog.ActorOf(ctx).RequestID
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == requestID {
			id = ""
		}
		return id != ""
	})
	if id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String(requestID, id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
