/* xml: guards between libxmlrpc and the system's libexpat; its UTF-8 and its doubles mended. */
#include "core/xml.h"
#include "core/text.h"
#include "core/xml_parser.h"

#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmlrpc-c/base.h>
#include <xmlrpc-c/util.h>

#define NUMBER_SIZE    1100 /* bytes; the longest exact double is -2^-1074: "-0." and 1074 digits */
#define COMPLAINT_SIZE 512
#define NUMBER_SHOWN   40 /* characters of an unsound number that the complaint repeats */

enum encoding { UTF_8, US_ASCII, ISO_8859_1, ENCODING_COUNT };

/* What XML declarations call them: IANA's names, in any case (XML 1.0, section 4.3.3). */
static const char *const encoding_names[ENCODING_COUNT] = {"UTF-8", "US-ASCII", "ISO-8859-1"};

struct number_type {
    const char *element;
    int bits; /* of an integer; 0 for a double */
};

/* The elements that libxmlrpc reads as numbers; those of less than 32 bits it takes for an int. */
static const struct number_type number_types[] = {
    {"int", 32}, {"i4", 32},    {"double", 0}, {"i8", 64},    {"i1", 32},
    {"i2", 32},  {"ex:i1", 32}, {"ex:i2", 32}, {"ex:i8", 64},
};

/* What libxmlrpc takes for a parser of expat's. Belongs to one thread. */
struct parser {
    XML_Parser expat;

    /* libxmlrpc's own, called once a guard is passed. */
    XML_StartElementHandler start;
    XML_EndElementHandler end;
    XML_CharacterDataHandler characters;
    void *user_data;

    bool refused; /* nothing further may reach libxmlrpc */
    enum encoding encoding;
    unsigned depth;    /* elements that are open */
    unsigned elements; /* so far */

    /* The number whose text is being gathered; NULL: text goes straight to libxmlrpc. */
    const struct number_type *number;
    size_t number_length;
    char number_text[NUMBER_SIZE + 1];
};

/*
 * libxmlrpc creates its parsers itself and hands back only a text: neither limits nor a verdict
 * can be passed through it. Hence a static and a thread-local.
 */
static struct xml_limits limits = {XML_DEFAULT_DEPTH, XML_DEFAULT_ELEMENTS};
static _Thread_local struct {
    enum xml_verdict verdict;
    char complaint[COMPLAINT_SIZE];
} last;

/* libexpat's functions whose names may be taken by ours: called by name, those would call ours. */
static struct {
    __typeof__(XML_ParserCreate) *ParserCreate;
    __typeof__(XML_ParserFree) *ParserFree;
    __typeof__(XML_SetUserData) *SetUserData;
    __typeof__(XML_SetElementHandler) *SetElementHandler;
    __typeof__(XML_SetCharacterDataHandler) *SetCharacterDataHandler;
    __typeof__(XML_Parse) *Parse;
    __typeof__(XML_GetErrorCode) *GetErrorCode;
    __typeof__(XML_ErrorString) *ErrorString;
} libexpat;

/* Against attribute names chosen to collide. One for all parsers: drawing it is a system call. */
static unsigned long hash_salt;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

/* One that libxmlrpc exports, and calls itself. */
void xmlrpc_formatFloat(xmlrpc_env *env, double value, const char **formatted);

void xml_set_limits(const struct xml_limits *new_limits)
{
    limits = *new_limits;
}

enum xml_verdict xml_verdict(void)
{
    return last.verdict;
}

const char *xml_complaint(void)
{
    return last.complaint;
}

/* Ends the parse. The complaint says where, which is where expat stands. */
__attribute__((format(printf, 3, 4))) static void
refuse(struct parser *parser, enum xml_verdict verdict, const char *format, ...)
{
    unsigned long line = XML_GetCurrentLineNumber(parser->expat);
    unsigned long column = XML_GetCurrentColumnNumber(parser->expat) + 1;

    last.verdict = verdict;
    int used = snprintf(last.complaint, COMPLAINT_SIZE, "line %lu, column %lu: ", line, column);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last.complaint + used, COMPLAINT_SIZE - (size_t)used, format, arguments);
    va_end(arguments);

    parser->refused = true; /* expat may call handlers even after XML_StopParser: see expat.h */
    XML_StopParser(parser->expat, XML_FALSE);
}

static const struct number_type *find_number_type(const char *element)
{
    if (element[0] != 'i' && element[0] != 'd' && element[0] != 'e') /* nearly every element */
        return NULL;
    for (size_t i = 0; i < sizeof number_types / sizeof number_types[0]; i++)
        if (strcmp(element, number_types[i].element) == 0)
            return &number_types[i];
    return NULL;
}

static void refuse_number(struct parser *parser, const char *wrong)
{
    struct text shown;
    text_init(&shown);
    size_t used = text_escape(&shown, parser->number_text, parser->number_length, NUMBER_SHOWN);
    refuse(parser, XML_REFUSED, "<%s> holds \"%s%s\", which %s", parser->number->element,
           shown.failed ? "" : shown.bytes, used < parser->number_length ? "..." : "", wrong);
    text_free(&shown);
}

/*
 * Gives libxmlrpc the number in one piece, if it is sound, and in a form that it reads exactly.
 * Where a double has signs, digits and a point only, libxmlrpc adds up the digits, each with an
 * error of its own. Any other text it leaves to strtod, which reads hexadecimal floats exactly; so
 * it sets no ERANGE for subnormals either, at which libxmlrpc would refuse them.
 */
static void pass_number(struct parser *parser)
{
    char *text = parser->number_text;
    int64_t integer;
    double real;
    const char *wrong;

    text[parser->number_length] = '\0';
    if (parser->number->bits > 0) {
        wrong = text_read_integer(text, parser->number->bits, &integer);
    } else {
        wrong = text_read_double(text, &real);
        if (wrong == NULL && text_sum_digits(text) != real)
            snprintf(text, NUMBER_SIZE, "%a", real);
    }
    if (wrong != NULL)
        refuse_number(parser, wrong);
    else
        parser->characters(parser->user_data, text, (int)strlen(text));
}

/* --- what expat calls --- */

static void on_declaration(void *user_data, const XML_Char *version, const XML_Char *encoding,
                           int standalone)
{
    struct parser *parser = user_data;
    (void)version, (void)standalone;
    if (encoding == NULL)
        return;
    enum encoding known = 0;
    while (known < ENCODING_COUNT && strcasecmp(encoding, encoding_names[known]) != 0)
        known++;
    parser->encoding = known;
    if (known == ENCODING_COUNT) /* its name has ASCII letters, digits and ._- only, by XML */
        refuse(parser, XML_UNSUPPORTED_ENCODING, "the encoding %.40s is not supported, UTF-8 is",
               encoding);
}

/* Without a DOCTYPE there are no entities to expand, the whole family of attacks. */
static void on_doctype(void *user_data, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    refuse(user_data, XML_REFUSED, "a DOCTYPE is not allowed in XML-RPC");
}

static void on_start(void *user_data, const XML_Char *name, const XML_Char **attributes)
{
    struct parser *parser = user_data;

    if (++parser->depth > limits.depth)
        refuse(parser, XML_REFUSED, "elements nested more than %u deep", limits.depth);
    else if (++parser->elements > limits.elements)
        refuse(parser, XML_REFUSED, "more than %u elements", limits.elements);
    if (parser->refused)
        return;
    /*
     * A number with a child is a number no more: what was gathered is dropped, what follows is
     * passed on. libxmlrpc refuses a number with children before it looks at its text.
     */
    parser->number = find_number_type(name);
    parser->number_length = 0;
    parser->start(parser->user_data, name, attributes);
}

static void on_end(void *user_data, const XML_Char *name)
{
    struct parser *parser = user_data;

    if (!parser->refused && parser->number != NULL)
        pass_number(parser);
    if (parser->refused)
        return;
    parser->number = NULL;
    parser->depth--;
    parser->end(parser->user_data, name);
}

static void on_characters(void *user_data, const XML_Char *characters, int count)
{
    struct parser *parser = user_data;
    size_t length = (size_t)count;

    if (parser->refused)
        return;
    if (parser->number == NULL) {
        parser->characters(parser->user_data, characters, count);
    } else if (length > NUMBER_SIZE - parser->number_length) {
        refuse(parser, XML_REFUSED, "<%s> holds more than %d bytes", parser->number->element,
               NUMBER_SIZE);
    } else {
        memcpy(parser->number_text + parser->number_length, characters, length);
        parser->number_length += length;
    }
}

/* --- what libxmlrpc calls --- */

#define FIND(name) libexpat.name = (__typeof__(libexpat.name))dlsym(RTLD_NEXT, "XML_" #name)

static void prepare(void)
{
    FIND(ParserCreate);
    FIND(ParserFree);
    FIND(SetUserData);
    FIND(SetElementHandler);
    FIND(SetCharacterDataHandler);
    FIND(Parse);
    FIND(GetErrorCode);
    FIND(ErrorString);
    arc4random_buf(&hash_salt, sizeof hash_salt);
}

/*
 * A parser for each document: one that each thread keeps, with XML_ParserReset, was measured to
 * save 0.2 µs of a small document's 1.2, too little for holding on to the largest one's memory.
 */
struct parser *parser_create(const char *encoding)
{
    (void)encoding; /* libxmlrpc names none; making a parser of one, libexpat may call ours */
    last.verdict = XML_NO_MEMORY; /* of a document whose parser cannot be made */
    last.complaint[0] = '\0';

    pthread_once(&prepared, prepare);
    struct parser *parser = calloc(1, sizeof *parser);
    if (parser == NULL || (parser->expat = libexpat.ParserCreate(NULL)) == NULL) {
        free(parser);
        return NULL;
    }
    last.verdict = XML_SOUND;
    XML_SetHashSalt(parser->expat, hash_salt);
    libexpat.SetUserData(parser->expat, parser);
    XML_SetXmlDeclHandler(parser->expat, on_declaration);
    XML_SetStartDoctypeDeclHandler(parser->expat, on_doctype);
    libexpat.SetElementHandler(parser->expat, on_start, on_end);
    libexpat.SetCharacterDataHandler(parser->expat, on_characters);
    return parser;
}

void parser_free(struct parser *parser)
{
    libexpat.ParserFree(parser->expat);
    free(parser);
}

void parser_set_user_data(struct parser *parser, void *user_data)
{
    parser->user_data = user_data;
}

void parser_set_elements(struct parser *parser, XML_StartElementHandler start,
                         XML_EndElementHandler end)
{
    parser->start = start;
    parser->end = end;
}

void parser_set_characters(struct parser *parser, XML_CharacterDataHandler characters)
{
    parser->characters = characters;
}

/*
 * UTF-16 and UTF-32 by their byte order marks, or by the NUL that is in the first character of
 * XML, '<', then (XML 1.0, appendix F). libexpat would read UTF-16.
 */
static bool is_wide(const char *bytes, size_t length)
{
    return length >= 2 && (memchr(bytes, '\0', 2) != NULL || memcmp(bytes, "\xfe\xff", 2) == 0 ||
                           memcmp(bytes, "\xff\xfe", 2) == 0);
}

/* Whether the bytes at `at` are none of the encoding's characters. Each byte is one of Latin-1. */
static bool is_alien(enum encoding encoding, const char *at, size_t length)
{
    uint32_t character;
    size_t size = text_decode(at, length, &character);
    return encoding == UTF_8 ? size == 0 : encoding == US_ASCII && size != 1;
}

/* Says what expat found wrong. It points at the character at fault, or at the token's start. */
static void refuse_malformed(struct parser *parser, const char *bytes, size_t length)
{
    enum XML_Error error = libexpat.GetErrorCode(parser->expat);
    size_t index = (size_t)XML_GetCurrentByteIndex(parser->expat);
    const char *at = index < length ? bytes + index : " ";
    size_t left = index < length ? length - index : 1;

    if (error == XML_ERROR_NO_MEMORY)
        refuse(parser, XML_NO_MEMORY, "memory ran out");
    else if (is_alien(parser->encoding, at, left))
        refuse(parser, XML_INVALID_CHARACTER, "byte 0x%02x is no character of %s",
               (unsigned char)*at, encoding_names[parser->encoding]);
    else if (error == XML_ERROR_INVALID_TOKEN && (unsigned char)*at < ' ')
        refuse(parser, XML_NOT_WELL_FORMED, "control character 0x%02x is not allowed in XML",
               (unsigned char)*at);
    else
        refuse(parser, XML_NOT_WELL_FORMED, "%s", libexpat.ErrorString(error));
}

/* libxmlrpc passes a document in one piece. Returns 0 when it is refused, as expat does. */
int parser_parse(struct parser *parser, const char *bytes, document_length given, int is_final)
{
    size_t length = (size_t)given;
    if (length > INT_MAX) /* what libexpat can be passed */
        refuse(parser, XML_REFUSED, "more than %d bytes", INT_MAX);
    else if (is_wide(bytes, length))
        refuse(parser, XML_UNSUPPORTED_ENCODING, "UTF-16 and UTF-32 are not supported, UTF-8 is");
    else if (libexpat.Parse(parser->expat, bytes, (int)length, is_final) != XML_STATUS_OK &&
             !parser->refused)
        refuse_malformed(parser, bytes, length);
    return last.verdict == XML_SOUND;
}

#if LOOKOUT_XMLRPC_C_VERSION < 159
const char *parser_complaint(struct parser *parser)
{
    (void)parser;
    return last.complaint;
}
#else
/* Its text, which is asked for next, is that of the thread's last; but of 0 libxmlrpc asks none. */
int parser_error(struct parser *parser)
{
    (void)parser;
    return XML_ERROR_ABORTED;
}

const char *parser_complaint(int error)
{
    (void)error;
    return last.complaint;
}
#endif

/* libxmlrpc's own refuses all above U+FFFD. */
void xmlrpc_validate_utf8(xmlrpc_env *env, const char *bytes, size_t length)
{
    if (!text_is_utf8(bytes, length))
        xmlrpc_env_set_fault_formatted(env, XMLRPC_INVALID_UTF8_ERROR,
                                       "a string of %zu bytes is not UTF-8", length);
}

/* libxmlrpc's own loses digits, and the stack over an infinity. Its caller frees `formatted`. */
void xmlrpc_formatFloat(xmlrpc_env *env, double value, const char **formatted)
{
    enum { INTERNAL_ERROR = -32603 }; /* Specification for Fault Code Interoperability */
    char digits[TEXT_DOUBLE_SIZE];
    *formatted = NULL;
    if (!isfinite(value)) {
        xmlrpc_env_set_fault_formatted(env, INTERNAL_ERROR, "XML-RPC has no form for the double %f",
                                       value); /* prints inf, -inf or nan */
        return;
    }
    text_double(digits, value);
    *formatted = strdup(digits);
    if (*formatted == NULL)
        xmlrpc_env_set_fault(env, INTERNAL_ERROR, "memory ran out writing a double");
}

const char *xml_parser_version(void)
{
    return XML_ExpatVersion();
}
