// Package liveblog holds the nouns of the product (Blog, Post, Revision, Event, User, ...),
// their rules and the kinds of error. It does no I/O, starts no goroutines and imports no
// other package of the product.
package liveblog
