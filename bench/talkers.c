/* RTP peers: each sends 20 ms of mu-law and listens to what comes back.
 * talkers ADDRESS FIRST_PORT COUNT WARM_S SECONDS: binds COUNT sockets (every second port), prints "ready", reads COUNT
 * lines "HOST PORT" (where each sends to), talks for WARM_S, prints "warm", measures for SECONDS, prints "done", goes on
 * talking until its input ends, and prints one JSON object of what it measured.
 * Arrival times are the kernel's (SO_TIMESTAMPNS), so when a socket is read does not change them. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME 160
#define SPREAD 20
#define FRAMES 50
#define BINS 10001 /* of 10 us; the last one takes the rest */
#define NS 1000000000LL

struct leg {
    int fd;
    uint16_t seq, last_seq;
    uint32_t stamp, ssrc;
    int started, phase;
    int64_t last_ns, longest_ns;
    uint64_t sent, failed, received, lost, gaps, late;
};

static unsigned char voice[FRAMES][FRAME];
static uint64_t spacing[BINS];
static uint64_t wakes, late_wakes;
static int64_t latest_ns;
static int measuring;

static int64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * NS + t.tv_nsec;
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* Noise in syllables of 160 ms, loud and soft in turn: sound for level meters and detectors, no tone of any key. */
static void speak(void) {
    uint32_t dice = 12345;
    for (int f = 0; f < FRAMES; f++)
        for (int k = 0; k < FRAME; k++) {
            dice = dice * 1664525u + 1013904223u;
            int exponent = (f / 8) % 2 ? 1 : 4;
            voice[f][k] = (unsigned char)~(((dice >> 31) << 7) | (exponent << 4) | ((dice >> 20) & 15));
        }
}

static void take(struct leg *leg, const unsigned char *packet, ssize_t size, int64_t at_ns) {
    if (size <= 12 || packet[0] >> 6 != 2) return;
    uint16_t seq = (uint16_t)(packet[2] << 8 | packet[3]);
    if (leg->started) {
        uint16_t ahead = (uint16_t)(seq - leg->last_seq);
        if (ahead == 0 || ahead >= 0x8000) { leg->late += measuring; return; }
        if (measuring && leg->last_ns) {
            int64_t apart = at_ns - leg->last_ns;
            if (apart > leg->longest_ns) leg->longest_ns = apart;
            if (ahead > 1) { leg->lost += ahead - 1; leg->gaps++; }
            else {
                int64_t off = llabs(apart - 20 * NS / 1000) / 10000;
                spacing[off < BINS ? off : BINS - 1]++;
            }
        }
    }
    leg->started = 1;
    leg->last_seq = seq;
    leg->last_ns = at_ns;
    leg->received += measuring;
}

static void listen_to(struct leg *leg) {
    for (;;) {
        unsigned char packet[2048], control[128];
        struct iovec piece = { packet, sizeof packet };
        struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
        ssize_t size = recvmsg(leg->fd, &message, MSG_DONTWAIT);
        if (size < 0) { if (errno == ECONNREFUSED) continue; return; }
        int64_t at_ns = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec t;
                memcpy(&t, CMSG_DATA(c), sizeof t);
                at_ns = t.tv_sec * NS + t.tv_nsec;
            }
        take(leg, packet, size, at_ns);
    }
}

static void talk(struct leg *leg, long frame) {
    unsigned char packet[12 + FRAME];
    packet[0] = 128;
    packet[1] = 0;
    packet[2] = leg->seq >> 8; packet[3] = leg->seq & 255;
    for (int k = 0; k < 4; k++) {
        packet[4 + k] = leg->stamp >> (24 - 8 * k);
        packet[8 + k] = leg->ssrc >> (24 - 8 * k);
    }
    memcpy(packet + 12, voice[(frame + leg->phase) % FRAMES], FRAME);
    leg->seq++;
    leg->stamp += FRAME;
    if (send(leg->fd, packet, sizeof packet, MSG_DONTWAIT) == sizeof packet) leg->sent += measuring;
    else leg->failed += measuring;
}

static double percentile(double share) {
    uint64_t all = 0, below = 0;
    for (int i = 0; i < BINS; i++) all += spacing[i];
    for (int i = 0; i < BINS; i++) { below += spacing[i]; if (below >= share * all) return (i + 1) / 100.0; }
    return 0;
}

static void tell(const struct leg *legs, int count, double cpu_s, double seconds) {
    uint64_t sent = 0, failed = 0, received = 0, lost = 0, gaps = 0, late = 0, silent = 0, most_lost = 0;
    int64_t longest = 0;
    for (int i = 0; i < count; i++) {
        sent += legs[i].sent; failed += legs[i].failed; received += legs[i].received; late += legs[i].late;
        lost += legs[i].lost; gaps += legs[i].gaps; silent += legs[i].received == 0;
        if (legs[i].lost > most_lost) most_lost = legs[i].lost;
        if (legs[i].longest_ns > longest) longest = legs[i].longest_ns;
    }
    printf("{\"legs\": %d, \"seconds\": %.3f, \"cpu\": %.5f, \"sent\": %lu, \"send_errors\": %lu, \"received\": %lu, "
           "\"lost\": %lu, \"gaps\": %lu, \"most_lost_of_a_leg\": %lu, \"late\": %lu, \"silent_legs\": %lu, "
           "\"longest_gap_ms\": %.2f, \"spacing_off_p50\": %.2f, \"spacing_off_p99\": %.2f, \"spacing_off_p99_9\": %.2f, "
           "\"late_wakes\": %.6f, \"latest_wake_ms\": %.2f}\n",
           count, seconds, cpu_s / seconds, sent, failed, received, lost, gaps, most_lost, late, silent, longest / 1e6,
           percentile(0.5), percentile(0.99), percentile(0.999), wakes ? (double)late_wakes / wakes : 0.0, latest_ns / 1e6);
}

static int open_legs(struct leg *legs, int count, const char *address, int first) {
    for (int i = 0; i < count; i++) {
        struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(first + 2 * i) };
        int on = 1;
        legs[i] = (struct leg){ .fd = socket(AF_INET, SOCK_DGRAM, 0), .seq = (uint16_t)(i * 7919), .ssrc = 0x10000u + i,
                                .phase = i * 13 };
        setsockopt(legs[i].fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        if (inet_pton(AF_INET, address, &own.sin_addr) != 1 || bind(legs[i].fd, (struct sockaddr *)&own, sizeof own) < 0) {
            perror("bind");
            return -1;
        }
    }
    return 0;
}

static int read_peers(struct leg *legs, int count) {
    for (int i = 0; i < count; i++) {
        char host[64];
        int port;
        struct sockaddr_in peer = { .sin_family = AF_INET };
        if (scanf("%63s %d", host, &port) != 2 || inet_pton(AF_INET, host, &peer.sin_addr) != 1) return -1;
        peer.sin_port = htons(port);
        if (connect(legs[i].fd, (struct sockaddr *)&peer, sizeof peer) < 0) { perror("connect"); return -1; }
    }
    return 0;
}

/* One millisecond: a twentieth of the legs are read, and send. */
static void turn(struct leg *legs, int count, long tick) {
    for (int i = tick % SPREAD; i < count; i += SPREAD) {
        listen_to(&legs[i]);
        talk(&legs[i], tick / SPREAD);
    }
}

int main(int argc, char **argv) {
    if (argc != 6) { fprintf(stderr, "usage: talkers ADDRESS FIRST_PORT COUNT WARM_S SECONDS\n"); return 2; }
    int count = atoi(argv[3]), told = 0;
    double warm_s = atof(argv[4]), seconds = atof(argv[5]), began_cpu = 0, used_cpu = 0, measured = 0;
    struct leg *legs = calloc(count, sizeof *legs);
    if (!legs || open_legs(legs, count, argv[1], atoi(argv[2])) < 0) return 1;
    speak();
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    printf("ready\n");
    if (read_peers(legs, count) < 0) return 1;
    int64_t start = now(CLOCK_MONOTONIC), due = start, from = 0;
    for (long tick = 0;; tick++) {
        due += NS / 1000;
        struct timespec at = { due / NS, due % NS };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) { }
        int64_t woke = now(CLOCK_MONOTONIC);
        if (measuring) {
            wakes++;
            late_wakes += woke - due > 5 * NS / 1000;
            if (woke - due > latest_ns) latest_ns = woke - due;
        }
        turn(legs, count, tick);
        if (!told && woke - start >= warm_s * NS) {
            told = 1; measuring = 1; from = woke; began_cpu = cpu();
            printf("warm\n");
        }
        if (measuring && woke - from >= seconds * NS) {
            measuring = 0; used_cpu = cpu() - began_cpu; measured = (woke - from) / 1e9;
            printf("done\n");
        }
        if (measured > 0 && tick % 100 == 0) {
            struct pollfd input = { .fd = 0, .events = POLLIN };
            char rest;
            if (poll(&input, 1, 0) > 0 && read(0, &rest, 1) <= 0) break;
        }
    }
    tell(legs, count, used_cpu, measured);
    return 0;
}
