/* A training that reports to nntop and is held between two steps, in plain C: the whole client is
   a socket, three kinds of lines and a search for a word. See assets/client/PROTOCOL.md. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int session;

static void say(const char *line) {
    if (write(session, line, strlen(line)) < 0 || write(session, "\n", 1) < 0) exit(1);
}

/* Reads one line, waiting at most `patience` milliseconds for it to begin (-1: for ever). */
static int hear(char *line, size_t most, int patience) {
    struct pollfd ready = {session, POLLIN, 0};
    size_t length = 0;
    if (poll(&ready, 1, patience) <= 0) return 0;
    while (length + 1 < most && read(session, line + length, 1) == 1 && line[length] != '\n') length++;
    line[length] = 0;
    return length > 0;
}

int main(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NNTOP_SOCKET");
    char line[4096], answer[256];
    int held = 0, stopped = 0, left = -1;

    if (!path || strlen(path) >= sizeof address.sun_path) return 1;
    strcpy(address.sun_path, path);
    session = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(session, (struct sockaddr *)&address, sizeof address) < 0) return 1;
    snprintf(line, sizeof line, "{\"nntop\":1,\"client\":\"c\",\"pid\":%d,\"script\":\"\"}", getpid());
    say(line);

    for (int step = 1; !stopped; step++) {
        usleep(1000); /* the training */
        snprintf(line, sizeof line, "{\"log\":{\"loss\":%g},\"step\":%d}", 1.0 / step, step);
        say(line);
        if (left > 0 && --left == 0) {
            held = 1;
            snprintf(line, sizeof line, "{\"state\":\"held\",\"step\":%d}", step);
            say(line);
        }
        while (hear(line, sizeof line, held ? -1 : 0) || held) {
            char *id = strstr(line, "\"id\":"), *steps = strstr(line, "\"steps\":");
            const char *state = NULL;
            if (!strstr(line, "\"command\":")) continue; /* the greeting, or a beat */
            if (strstr(line, "\"hold\"")) held = 1, state = "held";
            else if (strstr(line, "\"resume\"")) held = 0, left = -1, state = "running";
            else if (strstr(line, "\"step\"")) held = 0, left = steps ? atoi(steps + 8) : 1, state = "running";
            else if (strstr(line, "\"stop\"")) held = 0, stopped = 1, state = "running";
            snprintf(answer, sizeof answer, "{\"ack\":%d,\"step\":%d%s}", id ? atoi(id + 5) : 0, step,
                     state ? "" : ",\"error\":\"cannot: this client only holds\"");
            say(answer);
            if (state) {
                snprintf(answer, sizeof answer, "{\"state\":\"%s\",\"step\":%d}", state, step);
                say(answer);
            }
            if (stopped) break;
        }
    }
    say("{\"end\":{\"outcome\":\"completed\"}}");
    return 0;
}
