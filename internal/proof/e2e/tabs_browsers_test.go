//go:build browsers

package e2e

import (
	"testing"

	"dateline/internal/proof/browsertest"
)

// The same in Firefox, and in WebKitGTK, whose kind Safari is of. Not everybody has
// both: make browsers installs and runs them.
func TestE2E_TabsShareConnectionsInFirefox(t *testing.T) {
	t.Parallel()
	browser := browsertest.Firefox(t)
	shareTabs(t, browser.Tab(), func() tab { return browser.Tab() })
}

func TestE2E_TabsShareConnectionsInWebKit(t *testing.T) {
	t.Parallel()
	browser := browsertest.WebKit(t)
	shareTabs(t, browser.Tab(), func() tab { return browser.Tab() })
}
