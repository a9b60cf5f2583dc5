/* lookout: what the server and its clients call it, and where they meet unless told otherwise. */
#ifndef LOOKOUT_LOOKOUT_H
#define LOOKOUT_LOOKOUT_H

#define LOOKOUT_NAME         "lookout"
#define LOOKOUT_VERSION      "0.1.0"
#define LOOKOUT_DEFAULT_PORT "18812"
#define LOOKOUT_PATH         "/RPC2"

#endif
