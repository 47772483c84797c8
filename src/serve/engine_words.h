/*
 * What is told of pictures that were not read.
 */
#ifndef SE_SERVE_ENGINE_WORDS_H
#define SE_SERVE_ENGINE_WORDS_H

/* Of a picture whose GPU failed: it goes on failing for the process that saw it. */
extern const char engine_device_code[];

/* The message for a work that was given up with this code; the code itself for any other. */
const char *engine_given_up(const char *code);
/* The message for a picture that was lost twice with this code. */
const char *engine_lost(const char *code);

#endif
