package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// HostileConfig says how many readers are a burden, and of which kind.
type HostileConfig struct {
	Readers int
	Reader  ReaderConfig // How is Slow or Never; the name is the start of each reader's
	// Address is what ReaderConfig.Address is, of each reader; nil says nothing.
	Address func(reader int) string
}

// Hostile reads with many slow readers, or opens many streams that nobody reads,
// until ctx ends. Each has a log of its own, as Read writes it. What that does
// to the others, the Tracker knows.
func Hostile(ctx context.Context, c HostileConfig) error {
	if c.Reader.How != Slow && c.Reader.How != Never {
		return fmt.Errorf("readers of the kind %q are not hostile", c.Reader.How)
	}
	errs := make([]error, c.Readers)
	var all sync.WaitGroup
	for i := range c.Readers {
		one := c.Reader
		one.Name = fmt.Sprintf("%s-%d", c.Reader.Name, i)
		if c.Address != nil {
			one.Address = c.Address(i)
		}
		all.Go(func() { errs[i] = Read(ctx, one) })
	}
	all.Wait()
	return errors.Join(errs...)
}
