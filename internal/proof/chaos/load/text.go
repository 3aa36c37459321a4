package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// words are what posts are made of. Some are hard on code that escapes, counts or
// cuts them.
var (
	words = strings.Fields(`goal corner the home side keeper saves again crowd storm harbour pilot rises metres water
		reported minister says votes counted district late minute extra time half with and over under after before`)
	hardWords = []string{
		"Müller", "日本語", "مرحبا", "שלום", "🎉", "👩‍👩‍👧", "e\u0301", "\u2028", "\u2029", "\r\n\r\n", "\r", "\ufeff", "\u0085",
		"<script>", "&amp;", "</article>", `"quoted"`, `back\slash`, "data: x", "id: 9", "\n\nevent: post", "0\u00a0%",
	}
	hardTitles = []string{"Müller", "日本語", "🎉", `"quoted"`, `back\slash`, "<b>", "&amp;", "é"}
)

// Sizes of bodies, in bytes.
const (
	shortBody = 200
	moreBody  = 200 // at random on top of it
	longBody  = 5 << 10
)

// newTitle is unique in the run if the client's name is: it carries both the
// name and the number.
func newTitle(rnd *rand.Rand, client string, n int) string {
	title := fmt.Sprintf("%s-%d %s %s", client, n, words[rnd.IntN(len(words))], words[rnd.IntN(len(words))])
	if rnd.IntN(10) == 0 {
		title += " " + hardTitles[rnd.IntN(len(hardTitles))]
	}
	return title
}

// newBody is one of the kinds of text that posts have: mostly short and plain,
// now and then hard, now and then long.
func newBody(rnd *rand.Rand) string {
	size := shortBody + rnd.IntN(moreBody)
	hard := rnd.IntN(10) == 0
	if rnd.IntN(20) == 0 {
		size = longBody
	}
	var b strings.Builder
	for b.Len() < size {
		switch {
		case hard && rnd.IntN(4) == 0:
			b.WriteString(hardWords[rnd.IntN(len(hardWords))])
		case rnd.IntN(30) == 0:
			b.WriteString("**" + words[rnd.IntN(len(words))] + "**\n\n")
		default:
			b.WriteString(words[rnd.IntN(len(words))])
		}
		b.WriteByte(' ')
	}
	return b.String()
}
