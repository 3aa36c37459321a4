//go:build unix

package testbed

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

// Versions says what the bed is made of, on one line.
func (b *Bed) Versions(ctx context.Context) (string, error) {
	var postgres string
	if err := b.Primary().query(ctx, "SHOW server_version", &postgres); err != nil {
		return "", err
	}
	product, err := exec.CommandContext(ctx, b.config.Binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask the program for its version: %w", err)
	}
	parts := []string{"dateline " + strings.TrimSpace(string(product)), runtime.Version(), "PostgreSQL " + postgres}
	if b.front != nil {
		nginx, err := exec.CommandContext(ctx, b.front.program, "-v").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("ask nginx for its version: %w", err)
		}
		_, version, _ := strings.Cut(strings.TrimSpace(string(nginx)), "/")
		parts = append(parts, "nginx "+version)
	}
	return strings.Join(parts, ", "), nil
}
