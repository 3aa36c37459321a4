package demo

func outerLight() []Step {
	return []Step{
		publish(at(31, 0), "line-up", Post{Byline: idris, Tags: []string{"leg-2"}, Body: "Eight boats abreast across the harbour mouth. The flood is nearly done. Somebody on *Gannet* is singing, and the rest of *Gannet* would like them not to."}),
		publish(at(32, 30), "start-2", Post{Title: "The second leg is under way", Byline: marta, KeyEvent: true, Tags: []string{"leg-2"}, Body: "All eight at once, forty-eight oars. From up here it looks like a very determined centipede."}),
		do(at(32, 40), Pin, "start-2"),
		publish(at(34, 20), "qasr-leads", Post{Title: "Qasr al-Bahr take the lead at Cold Rock", Byline: idris, Tags: []string{"leg-2"}, Body: "Layla Haddad goes *inside* the rock, where the chart says there is water for another four minutes. She has clearly read the chart."}),
		publish(at(35, 15), "followers", Post{Byline: desk, Body: "What you are saying:\n\nhttps://bsky.app/profile/did:plc:lanterncupharbourmerrow2/post/3lanternmile2"}),
		publish(at(36, 40), "collision", Post{Title: "Skerry Point and Porto Velame touch", Byline: idris, KeyEvent: true, Tags: []string{"leg-2"}, Body: "Oars locked at the turn into open water. Both boats stop dead for three, four, five seconds. Red flag on *Andorinha*: there will be a protest."}),
		publish(at(38, 0), "light", Post{Title: "Round the Outer Light", Byline: idris, KeyEvent: true, Tags: []string{"leg-2"}, Body: "Order at the lighthouse:\n\n1. Qasr al-Bahr\n2. Tsukimi Bay, two seconds back\n3. Merrow Town, three\n4. Aldwater, eight\n\nThe keeper is on the gallery with a saucepan and a spoon 🥄"}),
		publish(at(39, 10), "hebrew-2", Post{Byline: "יעל ברק", Tags: []string{"leg-2"}, Body: "«שחף» חמישית במגדלור, תשע שניות מהמובילות. נועה פרץ קוראת קצב **36**, והים פתוח לפניהן."}),
		publish(at(40, 20), "ebb", Post{Title: "The tide has turned", Byline: marta, Tags: []string{"leg-2", "weather"}, Body: "You can see it from the wall: the mooring buoys have all changed their minds. The leaders have 1.8 km to row against it."}),
		publish(at(42, 0), "aldwater-2", Post{Byline: idris, Tags: []string{"leg-2", "aldwater"}, Body: "Aldwater have stopped chasing the boats and started chasing the slack water along the mud. It is longer. It is also, suddenly, faster."}),
		publish(at(44, 10), "japanese-2", Post{Byline: "森田 葵", Tags: []string{"leg-2"}, Body: "かもめブイ通過。月影は首位と3秒差の**二位**！商店街は総立ちです。📣"}),
		publish(at(46, 30), "qasr-wins", Post{Title: "Qasr al-Bahr win the second leg", Byline: desk, KeyEvent: true, Tags: []string{"leg-2", "results"}, Body: "*Najma* leads from Cold Rock to the quay. Tsukimi Bay are second by **1.8 seconds**, Merrow Town third, Aldwater fourth."}),
		publish(at(47, 0), "arabic-2", Post{Title: "نجمة الأولى!", Byline: "ليلى منصور", KeyEvent: true, Tags: []string{"leg-2"}, Body: "**قصر البحر تفوز بالمرحلة الثانية!** من الصخرة الباردة حتى الرصيف لم يتقدم عليهم أحد. الألعاب النارية بدأت هنا قبل أوانها 🎆"}),
		upload(at(47, 30), "gaps", Image{Draw: gapChart, Alt: "Chart of the seconds each crew was behind the leader at five marks of the second leg", Caption: "Who lost what, and where: Aldwater gained on the way home", Credit: "Harbour Graphics"}),
		publish(at(48, 0), "gaps", Post{Title: "Where it was won", Byline: desk, Tags: []string{"leg-2"}, Body: "Four boats close together, and four for whom the ebb came too soon.\n\n{{gaps}}"}),
	}
}

func protest() []Step {
	return []Step{
		publish(at(49, 0), "protest", Post{Title: "The jury is sitting", Byline: desk, KeyEvent: true, Tags: []string{"jury"}, Body: "Porto Velame protest against Skerry Point for the touch at the turn. Neither can reach the last four, so the Lantern Mile does not wait for it."}),
		publish(at(50, 30), "rule", Post{Byline: desk, Tags: []string{"jury"}, Body: "For those who ask, the rule in question:\n\n> ## Rule 14\n> A boat that is overtaken **shall keep her course** until the other is clear ahead.\n\nThe whole book is at [lanterncup.example](https://lanterncup.example/rules), and it is shorter than you would think."}),
		publish(at(51, 40), "bell", Post{Byline: marta, Body: "The man with the bell has been given a cushion to put inside it. He is considering his position."}),
		publish(at(53, 0), "code", Post{Title: "For the statistically minded", Byline: desk, Tags: []string{"results"}, Body: "Points of leg 1 plus twice those of leg 2:\n\n```\nAldwater      8 + 2*5 = 18\nMerrow Town   7 + 2*6 = 19\nTsukimi Bay   6 + 2*7 = 20\nQasr al-Bahr  5 + 2*8 = 21\n```\n\nThe best four are the best four of both legs, and ~~three~~ two points from first to third."}),
		upload(at(53, 30), "board-2", Image{Draw: scoreboard("After two legs", "leg 2 and points", []result{
			{"qasr", "21:40.1", "21"}, {"tsukimi", "21:41.9", "20"}, {"merrow", "21:44.3", "19"}, {"aldwa", "21:46.2", "18"}, {"kfar", "21:53.1", "12"}, {"velame", "22:02.0", "9"}, {"skerry", "22:04.0", "6"}, {"vester", "22:11.0", "3"}}),
			Alt: "Table after two legs: Qasr al-Bahr 21, Tsukimi Bay 20, Merrow Town 19, Aldwater 18", Caption: "The first four race for the cup", Credit: "Harbour Graphics"}),
		publish(at(54, 0), "finalists", Post{Title: "The last four", Byline: desk, KeyEvent: true, Tags: []string{"results"}, Body: "Qasr al-Bahr, Tsukimi Bay, Merrow Town and Aldwater carry a lantern tonight. Points are forgotten now: first across with a flame wins.\n\n{{board-2}}"}),
		do(at(54, 5), Pin, "finalists"),
		describe(at(54, 20), "- **Qasr al-Bahr win the second leg**; Aldwater are fourth and in the last four\n- The Lantern Mile: Qasr al-Bahr, Tsukimi Bay, Merrow Town, Aldwater\n- A protest between Porto Velame and Skerry Point is being heard"),
		publish(at(56, 0), "jury", Post{Title: "Protest dismissed", Byline: desk, Tags: []string{"jury"}, Body: "The jury finds that both boats tried to be polite at the same moment. No penalty."}),
		edit(at(56, 40), "protest", Post{Title: "The jury sat: protest dismissed", Body: "Porto Velame protested against Skerry Point for the touch at the turn. **Update, 18:56: dismissed.** Neither could reach the last four, so the Lantern Mile did not wait for it."}),
		publish(at(58, 0), "vimeo", Post{Title: "The view from the lighthouse", Byline: desk, Tags: []string{"video"}, Body: "The keeper's own film of the turn. Mind the saucepan.\n\nhttps://vimeo.com/100000048"}),
		publish(at(60, 0), "portuguese", Post{Title: "Porto Velame despede-se com um sorriso", Byline: "Inês Lobato", Tags: []string{"crews"}, Body: "Sexto lugar para a *Andorinha*. Rui Tavares, molhado até aos ossos: «Viemos de tão longe para tocar num remo. Valeu a pena.»"}),
		publish(at(62, 0), "dusk", Post{Byline: marta, Body: "Sunset was six minutes ago. They are turning off the lights along the quay, one shop at a time, as they do every year, until only the boats are lit."}),
	}
}

func lanternMile() []Step {
	return []Step{
		upload(at(63, 0), "night", Image{Draw: lanternNight, Alt: "Boats with lit lanterns on dark water below an orange evening sky and a lighthouse", Caption: "The fleet at dusk", Credit: "Harbour Graphics"}),
		publish(at(63, 30), "lanterns", Post{Title: "The lanterns are lit", Byline: marta, KeyEvent: true, Tags: []string{"the-mile"}, Body: "{{night}}\n\nAll eight boats have one, also those whose race is over. Four of them are at the line."}),
		do(at(63, 40), Pin, "lanterns"),
		publish(at(66, 0), "hush", Post{Byline: marta, Tags: []string{"the-mile"}, Body: "Nobody is talking. Nine thousand people, and I can hear the rigging."}),
		publish(at(67, 0), "mile-start", Post{Title: "The Lantern Mile has begun", Byline: idris, KeyEvent: true, Tags: []string{"the-mile"}, Body: "A clean start. Four flames, side by side."}),
		publish(at(67, 50), "mile-1", Post{Byline: idris, Tags: []string{"the-mile"}, Body: "Merrow Town by a canvas. Rating 40. *Forty.*"}),
		publish(at(68, 35), "mile-2", Post{Byline: idris, Tags: []string{"the-mile"}, Body: "Qasr al-Bahr answer. Tsukimi Bay go with them. Aldwater half a length down, and in no hurry that I can see 👀"}),
		publish(at(69, 20), "flame", Post{Title: "Merrow Town's lantern gutters", Byline: marta, KeyEvent: true, Tags: []string{"the-mile"}, Body: "Spray over the bow, and the flame goes down to a blue bead. Ines Calloway has her jacket off and round it. It is alight. They have lost a length."}),
		publish(at(70, 10), "mile-3", Post{Byline: idris, Tags: []string{"the-mile"}, Body: "Three hundred metres. Qasr. Tsukimi. Aldwater. You could put a tablecloth over them."}),
		publish(at(70, 40), "mile-4", Post{Byline: idris, Tags: []string{"the-mile"}, Body: "Bea Lindqvist has just stood up. Coxes do not stand up."}),
		publish(at(71, 15), "photo", Post{Title: "Photo finish", Byline: desk, KeyEvent: true, Pinned: true, Tags: []string{"the-mile"}, Body: "Tsukimi Bay or Aldwater. We do not know. **Nobody knows.**"}),
		publish(at(72, 0), "wrong", Post{Title: "Tsukimi Bay win the Lantern Cup", Byline: desk, Tags: []string{"the-mile"}, Body: "That is what the loudspeaker on the quay has just said."}),
		do(at(72, 30), Delete, "wrong"),
		publish(at(72, 45), "not-yet", Post{Byline: desk, Tags: []string{"the-mile"}, Body: "The loudspeaker was early, and so were we. The judges are still looking at the picture."}),
		publish(at(75, 0), "winner", Post{Title: "Aldwater win the Lantern Cup", Byline: desk, KeyEvent: true, Tags: []string{"the-mile", "results", "aldwater"}, Body: "By **two tenths of a second**, after forty-eight years, with the lantern burning: *Second Thoughts*, of Aldwater. Cox: Bea Lindqvist, a disappointment to the family. 🏮🏆"}),
		do(at(75, 5), Pin, "winner"),
		{At: at(75, 20), Action: Describe, Blog: Blog{Title: "Aldwater win the Lantern Cup by two tenths of a second",
			Summary: "- **Aldwater win the forty-eighth Lantern Cup**, their first, by 0.2 seconds\n- Tsukimi Bay second, Qasr al-Bahr third\n- Merrow Town, holders for three years, keep their flame and come fourth"}},
	}
}

func afterwards() []Step {
	return []Step{
		publish(at(75, 50), "bells", Post{Byline: marta, Body: "The man has taken the cushion out of the bell."}),
		upload(at(76, 20), "board-3", Image{Draw: scoreboard("The Lantern Mile", "time and lantern", []result{
			{"aldwa", "5:12.6", "lit"}, {"tsukimi", "5:12.8", "lit"}, {"qasr", "5:13.9", "lit"}, {"merrow", "5:18.3", "lit"}}),
			Alt: "Result: Aldwater 5:12.6, Tsukimi Bay 5:12.8, Qasr al-Bahr 5:13.9, Merrow Town 5:18.3", Caption: "Official", Credit: "Harbour Graphics"}),
		publish(at(76, 40), "result-3", Post{Title: "The official result", Byline: desk, Tags: []string{"results"}, Body: "{{board-3}}\n\nAll four lanterns were burning. It has happened twice before."}),
		publish(at(78, 0), "japanese-3", Post{Title: "0秒2", Byline: "森田 葵", Tags: []string{"the-mile"}, Body: "0秒2。瞬きより短い差でした。森花さんは「来年もこの灯を運びます」と、濡れた帽子を脱いで相手の舟に一礼しました。"}),
		publish(at(79, 30), "lindqvist", Post{Title: "\"I thought about it, and then I thought again\"", Byline: idris, KeyEvent: true, Tags: []string{"aldwater"}, Body: "Bea Lindqvist, once she could speak:\n\n> We named her *Second Thoughts* because the builder had some. At the mud I thought: the short way is against the tide. Then I thought again. That is all it was.\n\nAnd why did she stand up?\n\n> To see."}),
		publish(at(81, 0), "arabic-3", Post{Byline: "ليلى منصور", Tags: []string{"the-mile"}, Body: "المركز الثالث وسام نعتز به. ليلى حداد عانقت قائدة «ألدووتر» على الرصيف وقالت لها: **أراك في العام المقبل**."}),
		publish(at(82, 30), "social", Post{Byline: desk, Body: "The lighthouse has its own account, and its own opinion:\n\nhttps://x.com/outerlight/status/1000000000000000048"}),
		edit(at(83, 0), "winner", Post{Body: "By **two tenths of a second**, after forty-eight years, with the lantern burning: *Second Thoughts*, of Aldwater, in 5:12.6. Tsukimi Bay are second in 5:12.8.\n\nCox: Bea Lindqvist, a disappointment to the family. 🏮🏆"}),
		publish(at(84, 0), "family", Post{Byline: marta, Tags: []string{"aldwater"}, Body: "I found the mother. She was second here, twice. \"I am *so* disappointed,\" she said, and could not say anything else for a while."}),
		publish(at(86, 0), "story", Post{Byline: desk, Body: "The full report, by all of us, is [here](https://harbour.example/lantern-cup/report). Pictures to follow at https://harbour.example/lantern-cup/pictures as soon as Marta's hands are warm."}),
		publish(at(88, 0), "goodnight", Post{Title: "Good night from Port Merrow", Byline: desk, KeyEvent: true, Body: "The shops have their lights back on. The lantern goes to Aldwater, by road, on somebody's knees.\n\nThank you for following. Same tide, next year."}),
		do(at(89, 0), Unpin, ""),
		do(at(89, 10), Pin, "winner"),
		do(at(90, 0), Close, ""),
	}
}
