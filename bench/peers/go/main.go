// The peer of Go: net/http with encoding/xml, a goroutine for each connection.
//
// Usage: main PORT
package main

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Value is one of XML-RPC, as far as the calls that are measured have them.
type Value struct {
	Int    *int     `xml:"int"`
	String *string  `xml:"string"`
	Double *float64 `xml:"double"`
	Array  *Array   `xml:"array"`
	Struct *Struct  `xml:"struct"`
}

type Array struct {
	Values []Value `xml:"data>value"`
}

type Struct struct {
	Members []Member `xml:"member"`
}

type Member struct {
	Name  string `xml:"name"`
	Value Value  `xml:"value"`
}

type call struct {
	XMLName xml.Name `xml:"methodCall"`
	Method  string   `xml:"methodName"`
	Params  []Value  `xml:"params>param>value"`
}

type response struct {
	XMLName xml.Name `xml:"methodResponse"`
	Params  []Value  `xml:"params>param>value"`
}

func run(c *call) (Value, error) {
	switch {
	case c.Method == "monitor.ping":
		pong := "pong"
		return Value{String: &pong}, nil
	case c.Method == "test.echo" && len(c.Params) == 1:
		return c.Params[0], nil
	case c.Method == "test.sleep" && len(c.Params) == 1 && c.Params[0].Double != nil:
		time.Sleep(time.Duration(*c.Params[0].Double * float64(time.Second)))
		return c.Params[0], nil
	}
	return Value{}, fmt.Errorf("no such call: %q", c.Method)
}

func handle(w http.ResponseWriter, r *http.Request) {
	var c call
	if err := xml.NewDecoder(r.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	value, err := run(&c)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	body, err := xml.Marshal(response{Params: []Value{value}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(xml.Header)+len(body)))
	w.Write([]byte(xml.Header))
	w.Write(body)
}

func main() {
	http.HandleFunc("/RPC2", handle)
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
	os.Exit(1)
}
