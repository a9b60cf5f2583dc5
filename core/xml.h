/*
 * xml: the parser under xmlrpc-c, with its guards.
 *
 * Linking this module is what puts it in place: it defines, under the names that libxmlrpc
 * imports, the functions of its XML parser, its UTF-8 validator and its number formatter; the
 * dynamic linker prefers a definition in the executable to a library's (ELF symbol interposition).
 * Every document that xmlrpc-c parses, on whatever thread, goes through the system's libexpat
 * under the guards written down in xml.c. What was wrong with a document is kept for the thread
 * that parsed it, as libxmlrpc itself reports only a text.
 */
#ifndef LOOKOUT_XML_H
#define LOOKOUT_XML_H

#include <stddef.h>

enum xml_verdict {
    XML_SOUND,                /* well-formed, and within every guard */
    XML_NOT_WELL_FORMED,      /* not XML */
    XML_UNSUPPORTED_ENCODING, /* neither UTF-8, US-ASCII nor ISO-8859-1 */
    XML_INVALID_CHARACTER,    /* bytes that are not characters of the encoding */
    XML_REFUSED, /* XML, but with a DOCTYPE, too deep, too large, or an unsound number */
    XML_NO_MEMORY,
};

/* Limits of one document; constant while documents are parsed. */
struct xml_limits {
    unsigned depth;    /* elements inside one another */
    unsigned elements; /* elements in all */
};

#define XML_DEFAULT_DEPTH    256 /* 64 nested values, xmlrpc-c's own limit, take 3 elements each */
#define XML_DEFAULT_ELEMENTS 65536 /* about 20 MB of libxmlrpc's tree at the most */

/* Replaces the limits. Call before a second thread parses. */
void xml_set_limits(const struct xml_limits *limits);

/*
 * What became of the last document that the calling thread parsed. libxmlrpc parses none that is
 * over its own size limit.
 */
enum xml_verdict xml_verdict(void);

/*
 * What was wrong with it, one line for the one who sent it: "line 3, column 7: mismatched tag".
 * Empty when it was sound; holds until the thread parses again.
 */
const char *xml_complaint(void);

/* The parser and its release: "expat_2.5.0". Static text. */
const char *xml_parser_version(void);

#endif
