package main

import (
	"encoding/json"
	"math/rand/v2"
	"unicode/utf8"
)

// fragments are texts that mean something in YAML.
var fragments = []string{
	": ", ":", "- ", "-", "\n", "\n  ", " ", "\t", "\r\n", "\r", "[", "]", "{", "}", ",", "#", " #", "&a", "&a ", "*a", "*a ", "!!str ", "!!int ", "!!float ",
	"!!binary ", "!t ", "! ", "'", "\"", "|", "|-\n", "|+2\n", ">", "> \n", "? ", "?", "---\n", "--- ", "...\n", "\u2028", "\u0085", "\u00a0", "\ufeff", "\ufffd", "é",
	"%YAML 1.1\n", "%TAG ! x:\n", "%x\n", "<<", "<<: *a\n", "\\", "\\\n", "\\x41", "\\u00e9", "~", "null", "yes", "0x1F", "0b11", "1_000", "1e3", ".5", "08", "-0", "+1",
	"2001-01-01", "12:30:00", "@", "`", "%", "=", "/", "a", "b: 1\n", "\x01", "😀", "%41", "!<x> ", ".inf", ".nan",
}

// mutations asks about random schemas, and about texts of the YAML suites after random changes.
func mutations(ask func(Case), seed uint64, count int) {
	chanceSchemas(ask, seed, count/4)
	chance := rand.New(rand.NewPCG(seed, 0))
	var texts []string
	for _, module := range yamlModules {
		for _, text := range literals(moduleFolder(module)) {
			if len(text) < 2000 && utf8.ValidString(text) {
				texts = append(texts, text)
			}
		}
	}
	for range count {
		text := []rune(texts[chance.IntN(len(texts))])
		for range 1 + chance.IntN(4) {
			at := chance.IntN(len(text) + 1)
			end := min(at+chance.IntN(4), len(text))
			if chance.IntN(2) == 0 {
				end = at
			}
			fragment := []rune(fragments[chance.IntN(len(fragments))])
			switch chance.IntN(10) {
			case 0:
				fragment = nil
			case 1:
				other := []rune(texts[chance.IntN(len(texts))])
				from := chance.IntN(len(other) + 1)
				fragment = other[from:min(from+30, len(other))]
			}
			text = append(append(append([]rune{}, text[:at]...), fragment...), text[end:]...)
		}
		read := Case{Suite: "mutations", Op: "yaml", Text: string(text)}
		ask(read)
		written := must(json.Marshal(map[string]string{"v": string(text)}))
		ask(Case{Suite: "mutations", Op: "template", Text: "{{ toYaml .Values }}|{{ toYamlPretty .Values }}|{{ toJson .Values }}", Values: written})
	}
}
