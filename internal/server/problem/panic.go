package problem

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// panicError stands for a panic that was logged where it happened.
type panicError struct{ what string }

// Error names what was being done.
func (e *panicError) Error() string { return e.what + ": panic" }

// Panicked reports whether err comes from a panic that Guard recovered and logged.
func Panicked(err error) bool {
	_, is := errors.AsType[*panicError](err)
	return is
}

// Guard calls f and turns a panic into an error. It is for goroutines that no request owns,
// where a panic would end the node. The panic is logged once, however many requests wait
// for the result.
func Guard[T any](what string, f func() (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic", "while", what, "error", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = &panicError{what}
		}
	}()
	return f()
}
