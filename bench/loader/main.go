// Command loader is both ends of the benchmark of the wire: `loader upstream SOCKET` is the server behind every proxy,
// `loader load ...` calls and measures, `loader echo ...` measures bare round trips. Everything goes over unix sockets.
package main

import (
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	switch arguments := os.Args[1:]; {
	case len(arguments) == 2 && arguments[0] == "upstream":
		serve(arguments[1])
	case len(arguments) >= 1 && arguments[0] == "load":
		load(arguments[1:])
	case len(arguments) >= 1 && arguments[0] == "echo":
		roundTrips(arguments[1:])
	default:
		log.Fatal("usage: upstream SOCKET | load -socket SOCKET [options] | echo -socket SOCKET [options]")
	}
}
