//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/wait"
)

func crashDatabase(ctx context.Context, s *stage, f planned) (string, error) {
	p := s.bed.Primary()
	err := p.Crash()
	wait.For(ctx, f.Hold)
	ctx, cancel := lifting(ctx)
	defer cancel()
	return "", errors.Join(err, p.Start(ctx))
}

func restartDatabase(ctx context.Context, s *stage, f planned) (string, error) {
	mode := []string{"fast", "immediate"}[f.random().IntN(2)]
	ctx, cancel := lifting(ctx)
	defer cancel()
	return mode, s.bed.Primary().Restart(ctx, mode)
}

// failOver is over when the promoted server takes writes; the other one comes
// back as its standby meanwhile.
func failOver(ctx context.Context, s *stage, f planned) (string, error) {
	if s.bed.Standby() == nil {
		return "", errNotHere
	}
	lift, cancel := lifting(ctx)
	defer cancel()
	if err := s.bed.Failover(lift); err != nil {
		return "", err
	}
	wait.For(ctx, f.Hold)
	return "", s.bed.Rejoin(lift)
}

func freezeStandby(ctx context.Context, s *stage, f planned) (string, error) {
	standby := s.bed.Standby()
	if standby == nil {
		return "", errNotHere
	}
	err := standby.Freeze()
	wait.For(ctx, f.Hold)
	return "", errors.Join(err, standby.Thaw())
}

// fullLogDisk is a crash that a start does not mend until the disk has space.
func fullLogDisk(ctx context.Context, s *stage, f planned) (string, error) {
	return crashDatabase(ctx, s, f)
}

// errMixed says that the rows of a fault could not be broken as told.
var errMixed = errors.New("the fault did not take")

// sql runs a statement on the primary as its owner.
func (s *stage) sql(ctx context.Context, statement string, args ...any) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		return fmt.Errorf("%.40s: %w", statement, err)
	}
	return nil
}
