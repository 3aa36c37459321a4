package demo

import (
	"fmt"
	"strings"
)

// longRead is an article of about 5,000 words: an essay, the eight crews, and
// a chronicle of every final, written out from a table.
func longRead() string {
	parts := []string{essay, people, "## The crews of this evening", crewPortraits, "## Forty-seven finals, one by one", chronicle(), ending}
	return strings.Join(parts, "\n\n")
}

const firstYear = 1978

// final is one year's race: who won, by how many seconds, and what is
// remembered. In two years nobody won.
type final struct {
	winner string
	margin float64
	memory string
}

// tellings are the ways in which the chronicle puts a year. Each takes the
// year, the winner, the margin in seconds, and what is remembered.
var tellings = []string{
	"**%d.** The lantern went to %s, who were %.1f seconds ahead of the next boat when they touched the ladder at Town Quay. %s",
	"**%d.** It was the year of %s. The margin was %.1f seconds, which the old hands on the wall called comfortable and the crew did not. %s",
	"**%d.** Those who were there say that %s never looked like losing, although the book says %.1f seconds and the book is usually right. %s",
	"**%d.** A hard ebb, a low sun and a long last leg; %s made the best of all three and won by %.1f seconds. %s",
	"**%d.** The names on the board for this year are those of %s, and beside them, in the same white paint, the figure of %.1f seconds. %s",
	"**%d.** Ask in any kitchen in the old town and you will be told that %s won it at the mud and not on the Mile. The clock had them %.1f seconds clear. %s",
	"**%d.** Four boats, four flames, and at the end of it %s in front with %.1f seconds in hand. %s",
}

func chronicle() string {
	var years []string
	for i, f := range finals {
		if f.winner == "" {
			years = append(years, fmt.Sprintf("**%d.** %s", firstYear+i, f.memory))
			continue
		}
		years = append(years, fmt.Sprintf(tellings[i%len(tellings)], firstYear+i, f.winner, f.margin, f.memory))
	}
	return strings.Join(years, "\n\n")
}

const essay = `Every harbour has a story about a light, and most of them end badly. The one they tell in Port Merrow ends with an argument, which is better, because an argument can be continued every year.

In the winter of 1977 the lamp of the Outer Light failed. It was not a dramatic failure. There was no storm, no ship on the rocks, no keeper clinging to the gallery rail. A part the size of a thumb had cracked, the part that could replace it was in a warehouse two hundred miles away, and for nine nights the harbour had no light at all. On the tenth, because the fishing boats still had to come home, six men from the town rowed out with a paraffin lantern in the bow and hung it from the gallery on a length of washing line. It burned until morning. Then six men from Skerry Point, on the other side of the water, let it be known that they had been about to do exactly that, that they had in fact been getting into their boat, and that they would have been quicker.

They raced the following autumn to settle it. The rules were written on the back of a tide table, which is kept in a frame in the Harbour Office and is, strictly speaking, still in force. There are four of them. *The boats shall have six oars and a cox. They shall go round the Light. They shall bring a lantern home. It shall be lit.* Everything that has been added since, and the book now runs to thirty-one pages, is commentary.

## What a gig is

A gig is thirty-two feet of narrow-leaf elm, less than five feet wide, and planked so thinly that you can see the shadow of your own hand through it if you hold it up to the sun before the paint goes on. It was built to carry pilots out to ships, and the first pilot to reach a ship got the work, so it was built for speed by people who did not call it sport. It weighs about as much as seven of the people it carries. It does not forgive. A racing shell on a lake will tell you politely that you have made a mistake; a gig in a cross sea will fill your lap.

There is no engine to hear, and nobody who has stood on the sea wall on the night of a final forgets what there is instead: the knock of the oars against the pins, all six together if things are going well, and behind it the breath. The coxes shout, of course. But from the wall the words do not carry, only the tune, and the people who come every year can tell by the tune alone who is winning.

## Why the tide decides

The harbour is shaped like a hand with the thumb held out. Water comes in past the Outer Light, along the fingers, and through the Narrows into the basin above the bridge, and six hours later it all goes out again by the same way in a great hurry. At springs it runs at four knots through the Narrows. A good crew rows at six. The arithmetic is not complicated, and it has been ruining evenings for forty-eight years.

The start is therefore set by the moon. The committee, which is five people and a kettle, takes the evening in October when high water falls nearest to sunset, and begins the race a quarter of an hour before it. The first leg is rowed on the end of the flood, the second goes out with the last of it and returns against the young ebb, and the Lantern Mile is rowed in the dusk on falling water, with the mud beginning to show on both sides like the edges of a plate.

There are two ways home. The straight one lies down the channel, where the ebb is strongest. The other follows the edge of the mud, where the water is slack, or even curls back on itself, and it is longer by about two hundred and forty metres. It is the best-known fact about the course. Everybody knows it; every cox has been told it by at least one uncle. And in most years the straight way has won, because to go along the mud you must first give up the lead, in front of nine thousand people, and trust that the water will give it back.

## The lantern

The lantern is not the trophy. There is a trophy, a silver thing with dolphins that was left over from a regatta nobody remembers, and it is used to hold the door of the Harbour Office open in summer. What the winners take home is the lantern itself: tin, nine inches high, with a wire handle, one of the eight that the chandler in Fish Street makes each September from the pattern of the first. It burns paraffin. It has a glass chimney. It will stand a good deal of spray, but it will not stand a wave, and the rule says lit.

In the early years crews tried everything. Skerry Point once carried theirs in a bucket with a lid; the jury held that a light which cannot be seen is a matter of opinion. There have been hoods, screens, umbrellas, and a memorable arrangement with a goldfish bowl. Since 1991 the lantern must hang free from a hook at the stern, at least eighteen inches above the gunwale, where everybody can see it. What the cox does with her own jacket is her own affair.

Eleven boats have reached the quay first with a dead lantern. They are in the book as well, in brackets, and in some families the brackets are not spoken of.`

const people = `## The chandler

The shop in Fish Street is nine feet wide and goes back so far that new assistants are sent to the end of it to see whether they return. It sells rope by the yard, paint by the gallon and advice by the hour. For fifty weeks of the year the lanterns are not mentioned. Then, in the second week of September, the chandler clears the long bench, takes the first lantern down from its nail, and copies it eight times.

He does not measure. His father measured, he says, and they came out all the same, and nobody could tell which was whose. Now every one is a little different: one has a wire that hums, one a chimney that leans by the width of a coin, and when they are lit in a row on the bench, on the last evening, they make eight slightly different yellows. The crews draw lots. It is considered bad luck to say which one you had hoped for, and the chandler, who is asked every year, has never admitted to having a favourite. His daughter says that it is always the sixth.

What it costs him has never been settled either. The committee votes a sum, the chandler sends it back, the committee buys a quantity of rope it does not need, and the rope is kept in a cupboard at the Harbour Office which can no longer be opened.

## The timekeepers

There are three, and they do not speak to each other during the race. One stands on the bridge, one is rowed out to the Light in the morning with sandwiches, and one sits on the ladder at Town Quay with her feet almost in the water. For the last leg all three are on the ladder, one above the other, and each has a watch that belongs to the committee and a watch of her own.

The camera was introduced in 2003, after an evening that none of them will discuss. It is bolted to the quay, it looks along a white line painted on the opposite wall, and it takes two thousand pictures in every second. It has been needed four times. The eldest of the timekeepers, who is eighty-one and has done it for thirty-nine finals, does not hold it against the machine that it is always right. "It can see," she says, "but it can't hear. I know who's won before they get here. I've never once looked at the boats."

Asked what she listens for, she thought for a long time. "The one that isn't hurrying," she said.

## Where to stand

The sea wall is best for the start of the second leg and for the finish, and it is full by five. Those who know the town go to Cooper's Stairs for the Narrows, where the boats pass so close that you can be splashed by a champion, and then take the alley behind the net lofts, which is quicker than the road and smells of tar. From the churchyard you can see the Outer Light, and nothing else. From the fish market you see the mud, and it is there, if it happens at all, that it will happen.

Bring a coat, whatever the forecast says. Bring something hot. Do not bring a torch: from a quarter of an hour after sunset the quay is dark by custom, and the custom is kept up by a number of very small children with very loud voices. Phones stay in pockets. This was laid down in no rule and announced on no poster. It simply turned out one year that nine thousand people would rather look at four small lights.

When the first boat touches the ladder there is, every year, a moment before the noise. It lasts perhaps a second. Everybody on the wall is looking at the stern of the boat, at the hook, and at what hangs from it. Then somebody at the front says "It's lit", quite quietly, and you can hear those two words go back along the wall from mouth to mouth, faster than anyone could carry them, and the noise comes after them like the tide.`

const crewPortraits = `**Merrow Town**, *Patience*, blue. The six men who hung the first lantern were from here, and the town has not been quiet about it. They have won more finals than anybody, they train in the dark because the harbour is busy by day, and they row longer and slower than the rest. Ines Calloway has steered them for seven years. She works for the pilots, she has never been heard to raise her voice on land, and she has won the last three finals without once, she says, enjoying the third leg. "You enjoy it afterwards," she told this writer. "In about February."

**Skerry Point**, *Gannet*, green. Forty-one houses, a slip, a chapel and a grievance. They would have been quicker in 1977 and they will tell you so while you are still tying up. *Gannet* is the oldest boat in the race, built by the grandfather of the present bow oar, and every plank in her has been replaced at least once. Tam Orrell, the cox, is also the postman, and knows the tides of every inlet by the letters he has failed to deliver.

**Aldwater**, *Second Thoughts*, red. The village at the head of the estuary has been second nine times, and has never won. It is a thing people know about Aldwater before they know anything else, as they know of other places that they make cheese. The boat was begun by a builder who stopped half way because he did not like her lines, thought about it for a year, and finished her after all. Bea Lindqvist is the third of her family in the stern seat. She is a teacher of mathematics, and keeps a notebook of the mud.

**Qasr al-Bahr**, *Najma*, dark green. The first crew from abroad, invited in 1994 when a freighter from their port was delayed here for a month and its mates borrowed a boat for something to do. They came fourth in the borrowed boat. The following year they brought their own, and have come every year since. Layla Haddad learned to steer among dhows and reads moving water the way other people read faces. Her crew rate higher than anybody and talk, the whole way round, about food.

**Tsukimi Bay**, *Tsukikage*, violet. The name of the boat means moonlight, and the club was founded by an exchange student who had watched one final from the wall and gone home unable to explain it. There was nothing for it but to show them. They build their own gigs now, in cedar, and arrive each autumn with presents for the chandler. Hana Mori has a habit of bowing to the finishing line before the start, on the ground that it is bad manners to ask something of a stranger.

**Kfar Yam**, *Shachaf*, light blue. A club of fishermen's children, in only their second final. They have no tidal water at home at all, and so have learned about tides from tables, models and a bathtub, and are the only crew who can draw the curve of this evening from memory. Noa Peretz says that it is an advantage: nobody ever told her what everybody knows.

**Vesterhavn**, *Lykke*, crimson. Nine hundred miles by road and ferry, with the boat on the roof of a retired school bus. They row as they talk, briefly. In 2009 they finished a final with four oars and won the second leg of another with no rudder. Signe Dahl took over as cox when her brother retired, and has painted the inside of the boat yellow so that, she says, the crew has something cheerful to look at.

**Porto Velame**, *Andorinha*, orange. They come for the race and stay for the week, and there are at least four marriages on record as a result. Rui Tavares, who steers, is a baker, and the whole quay knows it, since he takes over the ovens of the Ship every year on the morning after the final. They have never won the cup. They have twice been asked to please come back even if they are not invited.`

const ending = `## The forty-eighth

And so to this evening. It would be a good place for a prediction, and the writer, who has made nineteen of them in nineteen years and been right three times, will leave it out. What can be said is this. The moon is right. The fog will lift, or it will not. Eight boats will go under the bridge, four of them will be given a flame and told to bring it home, and for a little over five minutes nine thousand people will stand in the dark and not say a word.

The men who hung the first lantern are all dead now, and so are those who would have been quicker. The washing line is in the museum. Nobody has ever found out how long they would have taken from Skerry Point, in that sea, on that night, with that boat, and it is generally agreed that this is just as well. There would be no reason to row.`
