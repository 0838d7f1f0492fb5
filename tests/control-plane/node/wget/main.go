// Command wget prints what a URL answers, with the flags of busybox that the chart's test uses, in an image without busybox.
//
//	usage: wget [-q] [-T SECONDS] [-O -] URL
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("wget: ")
	flag.Bool("q", false, "say nothing else")
	seconds := flag.Int("T", 900, "seconds that it may take")
	output := flag.String("O", "", "where to write to")
	flag.Parse()
	if flag.NArg() != 1 || *output != "-" {
		log.Fatal("usage: wget [-q] [-T SECONDS] -O - URL")
	}
	client := http.Client{Timeout: time.Duration(*seconds) * time.Second}
	answer, err := client.Get(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		log.Fatalf("server returned error: HTTP/1.1 %s", answer.Status)
	}
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		log.Fatal(err)
	}
}
