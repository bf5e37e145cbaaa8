/* Bare RTP echo: what the kernel alone costs for the same packets.
 * echo ADDRESS FIRST_PORT COUNT: sends every datagram of every socket back to where it came from, until SIGTERM;
 * then prints its CPU time and packets as JSON. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void stop(int number) { (void)number; stopped = 1; }

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "usage: echo ADDRESS FIRST_PORT COUNT\n"); return 2; }
    struct sigaction action = { .sa_handler = stop };
    sigaction(SIGTERM, &action, NULL);
    int poll = epoll_create1(0), first = atoi(argv[2]), count = atoi(argv[3]);
    for (int i = 0; i < count; i++) {
        struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(first + 2 * i) };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (inet_pton(AF_INET, argv[1], &own.sin_addr) != 1 || bind(fd, (struct sockaddr *)&own, sizeof own) < 0) {
            perror("bind");
            return 1;
        }
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
    printf("ready\n");
    fflush(stdout);
    unsigned long packets = 0;
    struct epoll_event events[256];
    while (!stopped) {
        int n = epoll_wait(poll, events, 256, 1000);
        for (int i = 0; i < n; i++) {
            char packet[2048];
            struct sockaddr_in peer;
            socklen_t size = sizeof peer;
            ssize_t length = recvfrom(events[i].data.fd, packet, sizeof packet, 0, (struct sockaddr *)&peer, &size);
            if (length < 0) continue;
            if (sendto(events[i].data.fd, packet, length, 0, (struct sockaddr *)&peer, size) == length) packets++;
        }
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double seconds = used.ru_utime.tv_sec + used.ru_stime.tv_sec
        + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"packets\": %lu, \"cpu_s\": %.6f}\n", packets, seconds);
    return 0;
}
