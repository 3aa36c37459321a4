package demo

func longRead() string { return "x" }
