// Oracle answers for Helm: it asks Helm's libraries about texts, templates, charts and schemas, thousands in one process.
//
//	oracle suites    prints the cases of the test suites in the Go distribution and in Helm's modules, with Helm's answers
//	oracle mutations SEED COUNT    prints cases of random schemas, and of random changes of texts of the YAML suites, with Helm's answers
//	oracle answer    reads cases, one JSON object a line, and prints them with Helm's answers
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/action"
	chartapi "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	kubefake "helm.sh/helm/v4/pkg/kube/fake"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	sigs "sigs.k8s.io/yaml"
)

// Case is a question and Helm's answer.
type Case struct {
	Suite string `json:"suite,omitempty"`
	// yaml, template, chart or schema
	Op string `json:"op"`
	// The text that is asked about: YAML, a template, or a schema.
	Text string `json:"text,omitempty"`
	// Values: of a template or schema as JSON, of a chart as the texts of values files.
	Values json.RawMessage   `json:"values,omitempty"`
	Files  map[string]string `json:"files,omitempty"`
	User   []string          `json:"user,omitempty"`

	Output *string `json:"output,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// A case counts as failed after this time: some templates of the suites never end.
const (
	patience = 5 * time.Second
	tooLong  = "takes too long"
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	print := func(c Case) {
		c.answer()
		// Answers that Helm leaves to chance (addresses in memory, the order of maps) are not printed.
		if c.Op == "template" && (address.MatchString(text(c)) || c.again()) {
			return
		}
		if err := encoder.Encode(c); err != nil {
			panic(err)
		}
	}
	switch {
	case len(os.Args) == 2 && os.Args[1] == "suites":
		suites(print)
	case len(os.Args) == 4 && os.Args[1] == "mutations":
		mutations(print, must(strconv.ParseUint(os.Args[2], 10, 64)), must(strconv.Atoi(os.Args[3])))
	case len(os.Args) == 2 && os.Args[1] == "answer":
		decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
		for {
			var c Case
			if err := decoder.Decode(&c); err == io.EOF {
				return
			} else if err != nil {
				panic(err)
			}
			print(c)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: oracle suites | oracle mutations SEED COUNT | oracle answer <cases")
		os.Exit(2)
	}
}

// must returns the value. An error would be a mistake in this program or its use.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// address matches an address in memory.
var address = regexp.MustCompile("0x[0-9a-f]{8,}|0xc[0-9a-f]+")

func text(c Case) string {
	if c.Output == nil {
		return ""
	}
	return *c.Output
}

// again tells whether a second answer differs from the first.
func (c Case) again() bool {
	output, err := c.Output, c.Error
	if err == tooLong {
		return false
	}
	c.Output, c.Error = nil, ""
	c.answer()
	return c.Error != err || (output == nil) != (c.Output == nil) || output != nil && *output != *c.Output
}

func (c *Case) answer() {
	type answer struct {
		output string
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() {
			if problem := recover(); problem != nil {
				done <- answer{err: fmt.Errorf("panic: %v", problem)}
			}
		}()
		output, err := c.ask()
		done <- answer{output, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			c.Error = a.err.Error()
			if c.Error == "" {
				c.Error = "error"
			}
			return
		}
		c.Output = &a.output
	case <-time.After(patience):
		c.Error = tooLong
	}
}

func (c *Case) ask() (string, error) {
	switch c.Op {
	case "yaml":
		var value any
		if err := sigs.Unmarshal([]byte(c.Text), &value); err != nil {
			return "", err
		}
		text, err := json.Marshal(value)
		return string(text), err
	case "template":
		return c.template()
	case "schema":
		var values map[string]any
		if err := json.Unmarshal(c.Values, &values); err != nil {
			return "", err
		}
		return "", commonutil.ValidateAgainstSingleSchema(values, []byte(c.Text))
	case "chart":
		return c.chart()
	}
	return "", fmt.Errorf("unknown op %q", c.Op)
}

// template renders a text as the notes of a chart: notes need not be YAML.
func (c *Case) template() (string, error) {
	var values map[string]any
	if len(c.Values) > 0 {
		if err := json.Unmarshal(c.Values, &values); err != nil {
			return "", err
		}
	}
	ch := &chart.Chart{
		Metadata:  &chart.Metadata{APIVersion: "v2", Name: "c", Version: "0.1.0"},
		Templates: []*common.File{{Name: "templates/NOTES.txt", Data: []byte(c.Text)}},
		Values:    map[string]any{},
	}
	options := common.ReleaseOptions{Name: "parity", Namespace: "tests", Revision: 1, IsInstall: true}
	merged, err := commonutil.ToRenderValues(ch, values, options, common.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(ch, merged)
	return files["c/templates/NOTES.txt"], err
}

// chart does what `helm template` does.
func (c *Case) chart() (string, error) {
	var files []*archive.BufferedFile
	for name, text := range c.Files {
		files = append(files, &archive.BufferedFile{Name: name, Data: []byte(text)})
	}
	values := map[string]any{}
	for _, text := range c.User {
		more, err := loader.LoadValues(strings.NewReader(text))
		if err != nil {
			return "", err
		}
		values = loader.MergeMaps(values, more)
	}
	ch, err := loader.LoadFiles(files)
	if err != nil {
		return "", err
	}
	if kind := ch.Metadata.Type; kind != "" && kind != "application" {
		return "", fmt.Errorf("%s charts are not installable", kind)
	}
	var dependencies []chartapi.Dependency
	for _, dependency := range ch.Metadata.Dependencies {
		dependencies = append(dependencies, dependency)
	}
	if err := action.CheckDependencies(ch, dependencies); err != nil {
		return "", err
	}
	memory := driver.NewMemory()
	memory.SetNamespace("tests")
	client := action.NewInstall(&action.Configuration{
		KubeClient:   &kubefake.PrintingKubeClient{Out: io.Discard},
		Capabilities: common.DefaultCapabilities,
		Releases:     storage.Init(memory),
	})
	client.DryRunStrategy = action.DryRunClient
	client.ReleaseName = "parity"
	client.Namespace = "tests"
	client.Replace = true
	made, err := client.Run(ch, values)
	if err != nil {
		return "", err
	}
	rel, ok := made.(*release.Release)
	if !ok {
		return "", fmt.Errorf("a release of type %T", made)
	}
	var text strings.Builder
	fmt.Fprintln(&text, strings.TrimSpace(rel.Manifest))
	for _, hook := range rel.Hooks {
		fmt.Fprintf(&text, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	return text.String(), nil
}
