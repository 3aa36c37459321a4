package demo

import (
	"slices"
	"time"
)

// Script is the evening of the forty-eighth Lantern Cup: a rowing final with
// eight crews in three legs. The place, the people and the race are invented.
func Script() []Step {
	return slices.Concat(beforeTheStart(), narrows(), outerLight(), protest(), lanternMile(), afterwards())
}

// The authors.
const (
	marta = "Marta Quill, on the sea wall"
	idris = "Idris Vane, on the press launch"
	desk  = "The desk"
)

func at(minute, second int) time.Duration {
	return time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
}

func publish(when time.Duration, name string, p Post) Step {
	return Step{At: when, Action: Publish, Name: name, Post: p}
}

func edit(when time.Duration, name string, p Post) Step {
	return Step{At: when, Action: Edit, Name: name, Post: p}
}

func upload(when time.Duration, name string, i Image) Step {
	return Step{At: when, Action: Upload, Name: name, Image: i}
}

func do(when time.Duration, a Action, name string) Step {
	return Step{At: when, Action: a, Name: name}
}

func describe(when time.Duration, summary string) Step {
	return Step{At: when, Action: Describe, Blog: Blog{Summary: summary}}
}

func beforeTheStart() []Step {
	return []Step{
		{At: 0, Action: Open, Blog: Blog{
			Title: "Lantern Cup final: eight crews, one tide", Language: "en",
			Summary: "- Eight crews race for the forty-eighth **Lantern Cup** in Port Merrow\n- Start under Narrows Bridge at 18:10, fog permitting\n- Merrow Town defend the title they have won three times running",
		}},
		publish(at(0, 2), "welcome", Post{Title: "Good evening from Port Merrow", Byline: desk, KeyEvent: true, Pinned: true, Tags: []string{"preview"},
			Body: "The flags are up along Town Quay, the chip vans have sold out of vinegar, and eight gigs with six oars each are tied up below the fish market. In a little over ten minutes they race for the **Lantern Cup**.\n\nWe follow every stroke here: Marta Quill is on the sea wall, Idris Vane is on the press launch, and the rest of us are in an office with a view of a car park."}),
		upload(at(0, 20), "map", Image{Draw: courseMap, Alt: "Map of Port Merrow harbour with the three legs of the race", Caption: "The course: out through the Narrows, round the Outer Light, home along the Lantern Mile", Credit: "Harbour Graphics"}),
		publish(at(0, 40), "course", Post{Title: "How it works", Byline: desk, Tags: []string{"preview"},
			Body: "Three legs, and only the last one is for the cup.\n\n1. **The Narrows**, 2 km from the bridge: against the clock, eight points for the winner, one for the last.\n2. **The Outer Light**, 5 km round the lighthouse, all eight boats at once: points count double.\n3. **The Lantern Mile**: the best four carry a lit lantern to Town Quay. First across wins, and *the lantern must still be burning*.\n\n{{map}}"}),
		publish(at(1, 30), "crews", Post{Title: "The eight", Byline: desk, Tags: []string{"preview", "crews"},
			Body: "- **Merrow Town** in *Patience*, cox Ines Calloway. The holders.\n- **Skerry Point** in *Gannet*, cox Tam Orrell\n- **Aldwater** in *Second Thoughts*, cox Bea Lindqvist. Never won it, in 48 years.\n- **Qasr al-Bahr** in *Najma*, cox Layla Haddad\n- **Tsukimi Bay** in *Tsukikage*, cox Hana Mori\n- **Kfar Yam** in *Shachaf*, cox Noa Peretz\n- **Vesterhavn** in *Lykke*, cox Signe Dahl\n- **Porto Velame** in *Andorinha*, cox Rui Tavares"}),
		publish(at(2, 15), "fog", Post{Byline: marta, Tags: []string{"weather"},
			Body: "I can see Narrows Bridge. Two minutes ago I could not. The fog is lifting in strips, like somebody rolling up a carpet 🌫️"}),
		upload(at(2, 40), "tide", Image{Draw: tideCurve, Alt: "The tide at Town Quay rises to 5.4 metres just after the start and falls through the race", Caption: "High water at 18:30: the second leg goes out on the last of the flood and comes home against the ebb", Credit: "Harbour Graphics"}),
		publish(at(3, 0), "tide", Post{Title: "Why everybody looks at the water", Byline: desk, Tags: []string{"weather"},
			Body: "High water is at 18:30. Crews that reach the Outer Light before it turns get a free ride; those who do not will row home uphill.\n\n{{tide}}"}),
		publish(at(4, 10), "arabic", Post{Title: "من قصر البحر إلى بورت ميرو", Byline: "ليلى منصور", Tags: []string{"crews"},
			Body: "مساء الخير لكل من يتابعنا من **قصر البحر**. الطاقم على الماء منذ الخامسة، والقائدة ليلى حداد تقول إن القارب «نجمة» لم يكن أسرع مما هو عليه اليوم.\n\nيبدأ السباق في الساعة 18:10 بتوقيت بورت ميرو، وسنكتب هنا بالعربية عند كل علامة."}),
		publish(at(4, 50), "japanese", Post{Title: "月見湾の応援席から", Byline: "森田 葵", Tags: []string{"crews"},
			Body: "月見湾の商店街では、朝から大きな画面の前に人が集まっています。\n今年の舟は「月影」。舵手の森花さんは「潮を待つのではなく、潮に会いに行く」と話していました。\n\nスタートは現地時間18時10分です。🏮"}),
		publish(at(5, 30), "hebrew", Post{Title: "כפר ים על קו הזינוק", Byline: "יעל ברק", Tags: []string{"crews"},
			Body: "ערב טוב מכפר ים. הצוות של **נועה פרץ** בסירה «שחף» מגיע לגמר בפעם השנייה בלבד, והמזח כאן מלא עד אפס מקום.\n\nהרוח נרגעה, הערפל מתרומם, והשופטים אישרו: הזינוק בזמן."}),
		publish(at(6, 20), "quote", Post{Byline: idris, Tags: []string{"aldwater"},
			Body: "Bea Lindqvist, cox of Aldwater, was asked whether tonight is the night:\n\n> My grandmother came second. My mother came second. I have told the crew that I intend to be a disappointment to the family."}),
		publish(at(7, 0), "video", Post{Title: "Last year in two minutes", Byline: desk, Tags: []string{"preview", "video"},
			Body: "Merrow Town's third win in a row, and the moment Skerry Point's lantern went out eleven metres from the quay:\n\nhttps://www.youtube.com/watch?v=LanternCup0"}),
		publish(at(8, 10), "delay", Post{Title: "Start delayed by ten minutes", Byline: desk, KeyEvent: true, Tags: []string{"weather"},
			Body: "The race officer wants to see all of the Narrows before sending anybody into them. New start: **18:20**."}),
		edit(at(8, 50), "delay", Post{Title: "Start delayed by five minutes",
			Body: "The race officer wants to see all of the Narrows before sending anybody into them. New start: **18:15**.\n\n*Correction: we first wrote ten minutes. It is five.*"}),
		publish(at(9, 30), "reading", Post{Title: "The long read: forty-eight lanterns", Byline: "Owen Farrant", Tags: []string{"history"}, Body: longRead()}),
	}
}

func narrows() []Step {
	return []Step{
		publish(at(15, 0), "start", Post{Title: "They are off", Byline: marta, KeyEvent: true, Tags: []string{"leg-1"},
			Body: "The gun. Vesterhavn first out from under the bridge, then a boat a minute. You hear them before you see them: the coxes' voices come round the bend ahead of the bows."}),
		do(at(15, 10), Pin, "start"),
		publish(at(16, 40), "vesterhavn-1", Post{Byline: idris, Tags: []string{"leg-1"}, Body: "Vesterhavn through the first kilometre in 3:41. Rating 38. Smooth, a little wide at Cooper's Stairs."}),
		publish(at(18, 5), "velame-1", Post{Byline: idris, Tags: []string{"leg-1"}, Body: "Porto Velame hold the inside line so tightly that the bow oar leaves a stripe of paint on the third buoy 🎨 No penalty for a buoy that stays where it is."}),
		publish(at(19, 20), "split", Post{Title: "Aldwater fastest at half way", Byline: desk, Tags: []string{"leg-1", "aldwater"}, Body: "3:26.9 for the first kilometre. Nobody else has been under 3:30."}),
		publish(at(20, 30), "crowd", Post{Byline: marta, Body: "A man beside me has a brass ship's bell on a rope round his neck. He rings it for every boat. He has been asked to stop by: his wife, a steward, a dog."}),
		publish(at(21, 45), "clock", Post{Title: "Aldwater stop the clock at 7:14.2", Byline: desk, KeyEvent: true, Tags: []string{"leg-1", "aldwater"},
			Body: "That is nine seconds better than anybody so far, with only Merrow Town to come."}),
		edit(at(22, 20), "clock", Post{Title: "Aldwater stop the clock at 6:58.4",
			Body: "That is **three seconds** better than anybody so far, with only Merrow Town to come.\n\n*Correction, 18:22: the time first given, 7:14.2, was Skerry Point's.*"}),
		publish(at(23, 10), "oar", Post{Title: "Vesterhavn break an oar", Byline: idris, Tags: []string{"leg-1"}, Body: "Four hundred metres from the end the number three oar goes with a crack that turns every head on the launch. They finish with five."}),
		publish(at(23, 55), "withdraw", Post{Title: "Vesterhavn to withdraw?", Byline: desk, Tags: []string{"leg-1"}, Body: "We hear from the boat park that Vesterhavn may not start the second leg."}),
		publish(at(25, 0), "holders", Post{Byline: marta, Tags: []string{"leg-1"}, Body: "Merrow Town come home in 7:01.0. The quay roars, then does the sum, and goes quiet."}),
		do(at(25, 20), Delete, "withdraw"),
		publish(at(25, 40), "no-withdraw", Post{Title: "Vesterhavn will race", Byline: idris, Tags: []string{"leg-1"}, Body: "Signe Dahl, holding a borrowed oar that does not match: \"Who told you that? We have come nine hundred miles.\"\n\nWe have removed a post which said that the crew might withdraw. It was wrong, and we are sorry."}),
		upload(at(26, 10), "board-1", Image{Draw: scoreboard("Leg 1: the Narrows", "time and points", []result{
			{"aldwa", "6:58.4", "8"}, {"merrow", "7:01.0", "7"}, {"tsukimi", "7:03.3", "6"}, {"qasr", "7:03.9", "5"}, {"kfar", "7:07.8", "4"}, {"velame", "7:11.5", "3"}, {"skerry", "7:14.2", "2"}, {"vester", "7:39.0", "1"}}),
			Alt: "Table after the first leg: Aldwater lead Merrow Town by a point", Caption: "After the first leg", Credit: "Harbour Graphics"}),
		publish(at(26, 30), "result-1", Post{Title: "Aldwater win the Narrows", Byline: desk, KeyEvent: true, Tags: []string{"leg-1", "results"}, Body: "Less than three seconds cover the best two; six tenths part third and fourth.\n\n{{board-1}}"}),
		do(at(26, 35), Pin, "result-1"),
		describe(at(26, 50), "- **Aldwater win the first leg** in 6:58.4, ahead of the holders Merrow Town\n- Vesterhavn break an oar, and race on\n- Next: the Outer Light, 5 km, points count double"),
		publish(at(27, 30), "wire", Post{Format: "text", Byline: "Harbour Wire", ExternalID: "wire-1827", Tags: []string{"results"},
			Body: "1. Aldwater 6:58.4\n2. Merrow Town 7:01.0\n3. Tsukimi Bay 7:03.3\n4. Qasr al-Bahr 7:03.9\n- all times subject to the jury *"}),
		publish(at(28, 15), "arabic-1", Post{Byline: "ليلى منصور", Tags: []string{"leg-1"}, Body: "المركز الرابع لقصر البحر بزمن **7:03.9**، على بعد ستة أعشار من الثانية عن القارب الياباني. المرحلة الثانية هي مرحلتنا."}),
		publish(at(28, 50), "japanese-1", Post{Byline: "森田 葵", Tags: []string{"leg-1"}, Body: "月影は7分03秒3で**三位**。四位との差はわずか0秒6です。"}),
	}
}
