package markup

import (
	"strings"

	"golang.org/x/net/html"
)

// Steps is how many steps the parse of a text needs, or what was spent until it
// was given up.
func Steps(markdown string) (int, error) {
	_, steps, err := parseWithin(validText(markdown))
	return steps, err
}

// MaxSteps is the bound.
const MaxSteps = maxSteps

// TreeSteps is what the conversion of HTML is estimated to take.
func TreeSteps(body string) int {
	doc, err := html.Parse(strings.NewReader(sourcePolicy.Sanitize(body)))
	if err != nil {
		return 0
	}
	return treeSteps(doc, outside, 0)
}
