package server

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// panicError is a panic that was logged where it happened.
type panicError struct{ what string }

// Error says what was done.
func (e *panicError) Error() string { return e.what + ": panic" }

func panicked(err error) bool {
	_, is := errors.AsType[*panicError](err)
	return is
}

// guarded runs what a request needs on a goroutine of nobody's, where a panic
// would end the node, and then the next one that is asked for the same. It is
// logged once, however many requests wait for it.
func guarded[T any](what string, f func() (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic", "while", what, "error", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = &panicError{what}
		}
	}()
	return f()
}
