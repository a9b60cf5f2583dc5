/*
 * xml_parser: the functions of a parser that libxmlrpc imports, which xml.c puts its own in the
 * place of.
 *
 * They have names of our own, as some of those that libxmlrpc knows them by are libexpat's, which
 * expat.h declares. What differs by release: 1.33 parses with an expat of its own, whose functions
 * are named apart, and which takes a size_t; that of Debian 13, 1.59, with the system's libexpat.
 *
 * For xml.c and its tests alone. A parser belongs to one thread.
 */
#ifndef LOOKOUT_XML_PARSER_H
#define LOOKOUT_XML_PARSER_H

#include <expat.h>
#include <stddef.h>

#ifndef LOOKOUT_XMLRPC_C_VERSION /* major * 100 + minor, from `xmlrpc-c-config --version` */
#error "LOOKOUT_XMLRPC_C_VERSION must be defined, as 133 for xmlrpc-c 1.33"
#elif LOOKOUT_XMLRPC_C_VERSION < 159
#define IMPORTED(name) __asm__("xmlrpc_XML_" #name)
typedef size_t document_length;
#else
#define IMPORTED(name) __asm__("XML_" #name)
typedef int document_length;
#endif

struct parser;

struct parser *parser_create(const char *encoding) IMPORTED(ParserCreate);
void parser_free(struct parser *parser) IMPORTED(ParserFree);
void parser_set_user_data(struct parser *parser, void *user_data) IMPORTED(SetUserData);
void parser_set_elements(struct parser *parser, XML_StartElementHandler start,
                         XML_EndElementHandler end) IMPORTED(SetElementHandler);
void parser_set_characters(struct parser *parser, XML_CharacterDataHandler characters)
    IMPORTED(SetCharacterDataHandler);
int parser_parse(struct parser *parser, const char *bytes, document_length length, int is_final)
    IMPORTED(Parse);
#if LOOKOUT_XMLRPC_C_VERSION < 159
const char *parser_complaint(struct parser *parser) IMPORTED(GetErrorString);
#else
int parser_error(struct parser *parser) IMPORTED(GetErrorCode);
const char *parser_complaint(int error) IMPORTED(ErrorString);
#endif

#endif
