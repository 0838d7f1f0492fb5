package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

var yamlModules = []string{"go.yaml.in/yaml/v2", "go.yaml.in/yaml/v3", "sigs.k8s.io/yaml"}

func moduleFolder(path string) string {
	return strings.TrimSpace(run("go", "list", "-m", "-f", "{{.Dir}}", path))
}

// suites makes a case of each text in the tests of Go and of Helm's modules that looks like a template, YAML or a schema.
func suites(ask func(Case)) {
	root := strings.TrimSpace(run("go", "env", "GOROOT"))
	templates := func(suite string, folders ...string) {
		for _, folder := range folders {
			for _, text := range literals(folder) {
				if strings.Contains(text, "{{") {
					ask(Case{Suite: suite, Op: "template", Text: text})
				}
			}
		}
	}
	templates("text/template", root+"/src/text/template", root+"/src/text/template/parse")
	templates("sprig", moduleFolder("github.com/Masterminds/sprig/v3"))
	helm := moduleFolder("helm.sh/helm/v4")
	templates("helm", helm+"/pkg/engine", helm+"/pkg/chart/common/util", helm+"/pkg/chart/v2/util")

	for _, suite := range yamlModules {
		for _, text := range literals(moduleFolder(suite)) {
			read := Case{Suite: suite, Op: "yaml", Text: text}
			ask(read)
			read.answer()
			if read.Output == nil {
				continue
			}
			values := json.RawMessage(fmt.Sprintf(`{"v":%s}`, *read.Output))
			for _, function := range []string{"toYaml", "toYamlPretty", "toJson", "toPrettyJson", "toRawJson"} {
				text := fmt.Sprintf("{{ %s .Values.v }}", function)
				ask(Case{Suite: suite, Op: "template", Text: text, Values: values})
			}
		}
	}
	fromTables(ask, "semver", moduleFolder("github.com/Masterminds/semver/v3"), versions)
	fromTables(ask, "net/url", root+"/src/net/url", addresses)
	fromTables(ask, "strconv", root+"/src/strconv", numbers)
	schemas(ask, moduleFolder("github.com/santhosh-tekuri/jsonschema/v6")+"/testdata")
}

func run(name string, arguments ...string) string {
	command := exec.Command(name, arguments...)
	command.Stderr = os.Stderr
	return string(must(command.Output()))
}

// literals are the texts in the tests of a folder, each once, in order.
func literals(folder string) []string {
	var found []string
	seen := map[string]bool{}
	walk(folder, func(node ast.Node) {
		text, ok := value(node)
		if ok && !seen[text] && utf8.ValidString(text) {
			seen[text] = true
			found = append(found, text)
		}
	})
	return found
}

func walk(folder string, visit func(ast.Node)) {
	files, err := filepath.Glob(folder + "/*_test.go")
	if err != nil || len(files) == 0 {
		panic(fmt.Sprintf("no tests in %s: %v", folder, err))
	}
	for _, file := range files {
		tree := must(parser.ParseFile(token.NewFileSet(), file, nil, 0))
		ast.Inspect(tree, func(node ast.Node) bool {
			if _, is := node.(*ast.ImportSpec); is {
				return false
			}
			if node != nil {
				visit(node)
			}
			_, whole := value(node)
			return !whole
		})
	}
}

// value is the text of a literal, or of several with `+` between them.
func value(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.BasicLit:
		if node.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(node.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, one := value(node.X)
		right, other := value(node.Y)
		return left + right, one && other && node.Op == token.ADD
	}
	return "", false
}

// fromTables asks about rows of a suite's tables: the texts in each composite literal.
func fromTables(ask func(Case), suite, folder string, questions func(row []string) []string) {
	seen := map[string]bool{}
	walk(folder, func(node ast.Node) {
		row, is := node.(*ast.CompositeLit)
		if !is {
			return
		}
		var texts []string
		for _, element := range row.Elts {
			if pair, is := element.(*ast.KeyValueExpr); is {
				element = pair.Value
			}
			if text, is := value(element); is {
				texts = append(texts, text)
			}
		}
		for _, question := range questions(texts) {
			if !seen[question] {
				seen[question] = true
				ask(Case{Suite: suite, Op: "template", Text: question})
			}
		}
	})
}

func versions(row []string) []string {
	var questions []string
	for _, text := range row {
		questions = append(questions, fmt.Sprintf(`{{ semver %q }}`, text))
		questions = append(questions, fmt.Sprintf(`{{ $v := semver %q }}{{ $v.Major }} {{ $v.Minor }} {{ $v.Patch }} {{ $v.Prerelease }} {{ $v.Metadata }} {{ $v.Original }}`, text))
	}
	for index := 1; index < len(row); index++ {
		questions = append(questions, fmt.Sprintf(`{{ semverCompare %q %q }}`, row[index-1], row[index]))
	}
	return questions
}

func addresses(row []string) []string {
	var questions []string
	for _, text := range row {
		questions = append(questions, fmt.Sprintf(`{{ urlParse %q | toJson }}`, text))
		questions = append(questions, fmt.Sprintf(`{{ urlParse %q | urlJoin }}`, text))
	}
	return questions
}

func numbers(row []string) []string {
	var questions []string
	for _, text := range row {
		for _, function := range []string{"int", "int64", "float64", "atoi", "toDecimal", "quote", "toJson"} {
			questions = append(questions, fmt.Sprintf(`{{ %s %q }}`, function, text))
		}
	}
	return questions
}
