/*
 * xml_self_test: whether the guards of xml are in place, in this very process.
 */
#ifndef LOOKOUT_XML_SELF_TEST_H
#define LOOKOUT_XML_SELF_TEST_H

/*
 * Tries the guards on themselves (an entity bomb, a deep nest, an i8 and doubles that are none, an
 * emoji, an exact double) through libxmlrpc's public functions, as another library version or
 * link order could leave one out. Before xml_set_limits, which would move one. Returns NULL, or
 * what failed (static text).
 */
const char *xml_self_test(void);

#endif
